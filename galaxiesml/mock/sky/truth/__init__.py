"""The truth about the simulated sky, and the expected verdict of each cut."""
