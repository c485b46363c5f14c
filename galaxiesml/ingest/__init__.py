"""Land tables: exports of the HSC archive, tables of spectroscopic surveys, released files."""
