"""Convert tars of the cutout service and folders of FITS files to shards of the pixel store."""
