"""Pictures in: tars of the cutout service and folders of FITS files become shards of the pixel store."""
