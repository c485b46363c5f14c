"""The truth beside the simulated sky, and what each cut should make of it."""
