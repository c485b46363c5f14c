"""A simulated sky: galaxies and their pictures, an archive's answer with the truth beside it."""

#: The sky's own version: any change of what a seed gives is a new one.
SKY_VERSION = 1
