"""Training files: the released HDF5 layout, and its CSV twins."""
