"""GalaxiesML as a catalogue: landing, curation in SQL, audit and export.

The command line is ``galaxiesml`` (:mod:`galaxiesml.cli`).  From Python start with
:class:`galaxiesml.catalog.Catalog`, whose ``connect`` gives a read-only DuckDB connection with every
published table under its plain name.
"""

__version__ = "0.1.0"
