"""Sersic profiles fitted in batches, on a CPU or a GPU."""
