"""Photometric redshifts."""
