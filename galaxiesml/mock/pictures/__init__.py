"""Pictures of simulated galaxies in bulk, drawn with PyTorch; runs where PyTorch, NumPy, h5py and pyarrow are all."""
