"""Checks of training files that share no code with what writes them."""
