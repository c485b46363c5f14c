"""Query a catalogue: the SQL console, and tables as CSV and Parquet."""
