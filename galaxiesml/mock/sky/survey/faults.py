"""The planted faults: what each one is, where it is placed, and whether it is on a clean galaxy.

A fault *of the pictures* is put on one of the requested galaxies and does not appear in the catalogue.
A fault *of the catalogue* is put on an additional galaxy.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One kind of fault.

    Attributes
    ----------
    name, about : str
    place : str
        A place of :mod:`galaxiesml.mock.sky.survey.places`.
    is_extra : bool
        Whether it is on an additional galaxy.
    bands : str
        The bands that it is in; empty where that means nothing.
    """

    name: str
    about: str
    place: str = "anywhere"
    is_extra: bool = False
    bands: str = ""


FAULTS = (
    Fault("absent_one_band", "The service lacks the patch in one band: the row is silently absent.", "no_y", bands="y"),
    Fault("absent_all", "The service lacks the patch in every band.", "unserved", bands="grizy"),
    Fault("empty_tar", "Every row of a list lies outside what is served: the tar is empty.", "unserved", bands="g"),
    Fault("truncated", "The picture ends with the coadd.", "coadd_edge", bands="grizy"),
    Fault("truncated_tract", "One tract ends within the picture, another holds it whole.", "tract_edge", bands="grizy"),
    Fault(
        "no_data", "The exposures end within the picture: its last rows are NaN, NO_DATA.", "survey_edge", bands="grizy"
    ),
    Fault("nan_pixels", "Some pixels are NaN: UNMASKEDNAN.", bands="r"),
    Fault("several_tracts", "Two tracts hold it: two files for one row of the list.", "overlap", bands="grizy"),
    Fault("own_tract_lacks_band", "Its own tract lacks a band, the other tract has all.", "overlap_no_z", bands="z"),
    Fault("wrong_filter", "The file's name says one band, its header another.", bands="r"),
    Fault("cut_short", "The FITS file ends before its pixels do.", bands="z"),
    Fault("image_only", "Its list asked for the image alone.", bands="i"),
    Fault("image_and_mask", "Its list asked for image and mask, not for the variance.", bands="z"),
    Fault("one_tract_asked", "Its list names the tract: one file, though two tracts hold it.", "overlap", bands="g"),
    Fault("bright_star", "A saturated star 7 arcsec away, with its halo and its bleeding columns.", bands="grizy"),
    Fault("chip_edge", "The edge of a chip runs through it: SENSOR_EDGE, INEXACT_PSF.", bands="g"),
    Fault("merged_spectra", "Two surveys' spectra in one row: commas in its name and its original flag."),
    Fault("overlap_repeat", "Two tracts list it, each with its own noise; one spectrum.", "overlap"),
    Fault("blend", "A parent and two children share one spectrum.", is_extra=True),
    Fault("two_spectra", "Two rows for one object, with two spectra.", is_extra=True),
    Fault("saturated", "A saturated star covers its centre.", is_extra=True, bands="grizy"),
    Fault("cosmic_ray", "A cosmic ray struck its centre.", is_extra=True, bands="i"),
    Fault("bad_column", "A column that does not work runs through its centre.", is_extra=True, bands="y"),
    Fault("edge", "It touches the edge of the exposures.", "survey_rim", is_extra=True, bands="grizy"),
    Fault("buried", "A star nearby outshines it: its centroid wanders.", is_extra=True, bands="grizy"),
    Fault(
        "undetected",
        "The sky was taken too high in one band: its flux is below zero, its magnitude NaN.",
        is_extra=True,
        bands="g",
    ),
    Fault("star", "The spectrum is of a star.", is_extra=True),
    Fault("insecure", "Its survey does not vouch for the redshift.", is_extra=True),
    Fault("none_secure", "Several spectra and none secure: -9 for redshift and error.", is_extra=True),
    Fault("no_redshift", "9.9999: the survey found no redshift.", is_extra=True),
    Fault("wide_error", "A redshift error far above 0.005 (1 + z).", is_extra=True),
    Fault("no_specz_mag", "The survey gives -1 for its target's magnitude.", is_extra=True),
)
