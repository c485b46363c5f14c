"""A simulated sky: galaxies and their pictures, the archive's answers, and the truth about them."""

#: The sky's own version: any change of what a seed gives is a new one.
SKY_VERSION = 2
