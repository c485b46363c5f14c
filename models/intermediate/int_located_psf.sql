{{ located_pictures('psf') }}
