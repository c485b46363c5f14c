"""Which galaxies of which split go into files, figures and training, and their pictures in blocks."""
