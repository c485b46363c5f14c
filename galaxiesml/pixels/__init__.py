"""Pictures as arrays: the store on disk, and the frame that training files have."""
