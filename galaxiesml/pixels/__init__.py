"""Pictures as arrays: the store on disk, and the frame of training files."""
