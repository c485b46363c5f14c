"""A simulated export: rows with known faults, written as the archive would write them."""
