"""Query a catalogue: the SQL console, and tables as CSV and Parquet, and photometry as HDF5."""
