"""Query a catalogue: the SQL console, and tables as files of many formats, photometry as HDF5, HATS catalogues."""
