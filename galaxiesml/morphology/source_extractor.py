"""Source Extractor's files: those that the paper prints, corrected ones that run, and a PSF that it can read.

The paper's appendix 10 prints a parameter file and a configuration file.  They are kept here as evidence.
Source Extractor 2.25 does not run with them: it reads twelve words of a configuration file (``DETECT_THRESH``,
``CATALOG_NAME`` ...) as unknown columns, and needs a PSF that is not given.  The corrected files have the same
settings (with the last of the values printed for DETECT_THRESH, 3) without those lines.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

#: Appendix 10, the 'parameter file'.  Its line breaks, lost in the printed text's flow, are restored.
PRINTED_PARAM = """\
NUMBER 1 #Running object number
DETECT_THRESH 3
CATALOG_NAME output_image
CATALOG_TYPE ASCII_HEAD
CHECKIMAGE_TYPE SEGMENTATION
PETRO_RADIUS 1
PETRO_TYPE AUTO
X_IMAGE 60
Y_IMAGE 60
XMIN_IMAGE 57.5
XMAX_IMAGE 62.5
YMIN_IMAGE 57.5
YMAX_IMAGE 62.5
ISOAREA_IMAGE 0.0
ISOAREA_WORLD 0.0
A 0.0
B 0.0
A_IMAGE
B_IMAGE
THETA_IMAGE 0.0
THETA_WORLD 0.0
MU_MAX 0.0
ELLIPTICITY 0.0
SERSIC 0.0
PHOT_TYPE SERSIC
PHOT_AUTOPARAMS 2.5, 3.5
PHOT_APERTURES 5
FLUX_RADIUS
SPHEROID_SERSICN 4.0
SPHEROID_RE 10.0
"""

#: Appendix 10, the 'configuration file'.
PRINTED_SEX = """\
# Default configuration file for SExtractor 2.25.0
# EB 2021-05-31
#
NUMBER 1
PETRO_TYPE AUTO
PETRO_THRESH 0.2

#-------------------------------- Catalog ------------------------------------

CATALOG_NAME     test.cat       # name of the output catalog
CATALOG_TYPE     ASCII_HEAD     # NONE,ASCII,ASCII_HEAD, ASCII_SKYCAT,
                                # ASCII_VOTABLE, FITS_1.0 or FITS_LDAC
PARAMETERS_NAME  default.param  # name of the file containing catalog contents

#------------------------------- Extraction ----------------------------------

DETECT_TYPE      CCD            # CCD (linear) or PHOTO (with gamma correction)
DETECT_MINAREA   5              # min. # of pixels above threshold
DETECT_THRESH    1.5            # <sigmas> or <threshold>,<ZP> in mag.arcsec-2
ANALYSIS_THRESH  1.5            # <sigmas> or <threshold>,<ZP> in mag.arcsec-2

FILTER           Y              # apply filter for detection (Y or N)?
FILTER_NAME      gauss_1.5_3x3.conv   # name of the file containing the filter

DEBLEND_NTHRESH  32             # Number of deblending sub-thresholds
DEBLEND_MINCONT  0.005          # Minimum contrast parameter for deblending

CLEAN            Y              # Clean spurious detections? (Y or N)?
CLEAN_PARAM      1.0            # Cleaning efficiency

MASK_TYPE        CORRECT        # type of detection MASKing: can be one of
                                # NONE, BLANK or CORRECT

#------------------------------ Photometry -----------------------------------

PHOT_APERTURES   5              # MAG_APER aperture diameter(s) in pixels
PHOT_AUTOPARAMS  2.5, 3.5       # MAG_AUTO parameters: <Kron_fact>,<min_radius>
PHOT_PETROPARAMS 2.0, 3.5       # MAG_PETRO parameters: <Petrosian_fact>,
                                # <min_radius>

SATUR_LEVEL      50000.0        # level (in ADUs) at which arises saturation
SATUR_KEY        SATURATE       # keyword for saturation level (in ADUs)

MAG_ZEROPOINT    0.0            # magnitude zero-point
MAG_GAMMA        4.0            # gamma of emulsion (for photographic scans)
GAIN             0.0
GAIN_KEY         GAIN
PIXEL_SCALE      0.17           # size of pixel in arcsec (0=use FITS WCS info)
PHOT_TYPE        SERSIC
SERSIC_FIT       Y
FIT_PROFILE      N

#------------------------- Star/Galaxy Separation ----------------------------

SEEING_FWHM      1.2            # stellar FWHM in arcsec
STARNNW_NAME     default.nnw    # Neural-Network_Weight table filename

#------------------------------ Background -----------------------------------

BACK_SIZE        64             # Background mesh: <size> or <width>,<height>
BACK_FILTERSIZE  3              # Background mesh: <size> or <width>,<height>

BACKPHOTO_TYPE   GLOBAL         # can be GLOBAL or LOCAL

#------------------------------ Check Image ----------------------------------

#CHECKIMAGE_TYPE  -BACKGROUND   # can be NONE, BACKGROUND, BACKGROUND_RMS,
                                # MINIBACKGROUND, MINIBACK_RMS, -BACKGROUND,
                                # FILTERED, OBJECTS, -OBJECTS, SEGMENTATION,
                                # or APERTURES
#CHECKIMAGE_NAME  check.fits    # Filename for the check-image

#--------------------- Memory (change with caution!) -------------------------

MEMORY_OBJSTACK  3000           # number of objects in stack
MEMORY_PIXSTACK  300000         # number of pixels in stack
MEMORY_BUFSIZE   1024           # number of lines in buffer

#----------------------------- Miscellaneous ---------------------------------

VERBOSE_TYPE     NORMAL         # can be QUIET, NORMAL or FULL
HEADER_SUFFIX    .head          # Filename extension for additional headers
WRITE_XML        N              # Write XML file (Y/N)?
XML_NAME         sex.xml        # Filename for XML output
DETECT_THRESH    3
NUMBER 1 #Running object number
DETECT_THRESH 3
CATALOG_NAME output_image
CATALOG_TYPE ASCII_HEAD
CHECKIMAGE_TYPE SEGMENTATION
ERRXY_IMAGE 5
"""

#: The columns of ours that Source Extractor has.
COLUMNS = (
    "NUMBER",
    "X_IMAGE",
    "Y_IMAGE",
    "A_IMAGE",
    "B_IMAGE",
    "THETA_IMAGE",
    "ELLIPTICITY",
    "ERRA_IMAGE",
    "ERRB_IMAGE",
    "ERRTHETA_IMAGE",
    "ISOAREA_IMAGE",
    "ISOAREAF_IMAGE",
    "FLUX_RADIUS",
    "KRON_RADIUS",
    "PETRO_RADIUS",
    "FLUX_AUTO",
    "FLUXERR_AUTO",
    "MAG_AUTO",
    "MAGERR_AUTO",
    "MU_MAX",
    "FLAGS",
)

#: The columns of Source Extractor's own Sersic fit; they need a PSF.
MODEL_COLUMNS = (
    "CHI2_MODEL",
    "FLAGS_MODEL",
    "NITER_MODEL",
    "FLUX_SPHEROID",
    "FLUXERR_SPHEROID",
    "SPHEROID_REFF_IMAGE",
    "SPHEROID_REFFERR_IMAGE",
    "SPHEROID_ASPECT_IMAGE",
    "SPHEROID_ASPECTERR_IMAGE",
    "SPHEROID_THETA_IMAGE",
    "SPHEROID_THETAERR_IMAGE",
    "SPHEROID_SERSICN",
    "SPHEROID_SERSICNERR",
)

#: A Gaussian of 1.5 pixels' FWHM; Source Extractor divides by its sum.
KERNEL = (
    (0.109853, 0.300700, 0.109853),
    (0.300700, 0.823102, 0.300700),
    (0.109853, 0.300700, 0.109853),
)

_SEX = """\
# The paper's settings, those that Source Extractor 2.25 knows.  Run: source-extractor picture.fits -c default.sex
CATALOG_NAME     test.cat
CATALOG_TYPE     ASCII_HEAD
PARAMETERS_NAME  default.param

DETECT_TYPE      CCD
# Printed as 1.5 and, further down, as 3; the last counts.
DETECT_THRESH    3
ANALYSIS_THRESH  1.5
DETECT_MINAREA   5
FILTER           Y
FILTER_NAME      gauss_1.5_3x3.conv
DEBLEND_NTHRESH  32
DEBLEND_MINCONT  0.005
CLEAN            Y
CLEAN_PARAM      1.0
MASK_TYPE        CORRECT

PHOT_APERTURES   5
PHOT_AUTOPARAMS  2.5, 3.5
PHOT_PETROPARAMS 2.0, 3.5
# Half of the flux: the paper's half-light radius.
PHOT_FLUXFRAC    0.5
SATUR_LEVEL      50000.0
SATUR_KEY        SATURATE
# Zero point 0 and 0.17 arcsec, as in the release; HSC's are 27 and 0.168.
MAG_ZEROPOINT    0.0
MAG_GAMMA        4.0
GAIN             0.0
GAIN_KEY         GAIN
PIXEL_SCALE      0.17
SEEING_FWHM      1.2

BACK_SIZE        64
BACK_FILTERSIZE  3
BACKPHOTO_TYPE   GLOBAL

CHECKIMAGE_TYPE  SEGMENTATION
CHECKIMAGE_NAME  segmentation.fits

MEMORY_OBJSTACK  3000
MEMORY_PIXSTACK  300000
MEMORY_BUFSIZE   1024
VERBOSE_TYPE     QUIET
WRITE_XML        N
"""

_SEX_MODEL = """
# A PSF in PSFEx's format, for the Sersic fit.
PSF_NAME         default.psf
"""


def write_config(folder: Path, printed: bool, model: bool = False) -> list[Path]:
    """Write Source Extractor's files into `folder`.

    Parameters
    ----------
    printed : bool
        True: the paper's, as printed (Source Extractor refuses them); False: ones that run and give our columns.
    model : bool
        With the columns of Source Extractor's own Sersic fit.  It reads the PSF from ``default.psf`` in the folder
        where it runs: `write_psf` makes one.  Without effect on the printed files, which ask for the fit.

    Returns
    -------
    list of Path
        default.sex, default.param, gauss_1.5_3x3.conv.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    columns = COLUMNS + (MODEL_COLUMNS if model else ())
    texts = {
        "default.sex": PRINTED_SEX if printed else _SEX + (_SEX_MODEL if model else ""),
        "default.param": PRINTED_PARAM if printed else "\n".join(columns) + "\n",
        "gauss_1.5_3x3.conv": _kernel_text(),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in texts]


def _kernel_text() -> str:
    rows = (" ".join(f"{value:.6f}" for value in row) for row in KERNEL)
    return "CONV NORM\n# 3x3 convolution mask of a gaussian PSF with FWHM = 1.5 pixels.\n" + "\n".join(rows) + "\n"


def write_psf(path: Path, picture: np.ndarray, scale: float = 1.0) -> Path:
    """Write a constant PSF as PSFEx does, for Source Extractor's Sersic fit.

    Parameters
    ----------
    picture : ndarray (height, width)
        The PSF with the pixel's response, its peak at the middle pixel; scaled to a sum of 1 here.
    scale : float
        The picture's sampling step in pixels of the image: 1.0, one value a pixel; 0.5, two.

    Returns
    -------
    Path
    """
    from astropy.io import fits

    picture = np.asarray(picture, np.float32)
    height, width = picture.shape
    cells = fits.Column("PSF_MASK", f"{picture.size}E", dim=f"({width}, {height}, 1)", array=_cell(picture))
    table = fits.BinTableHDU.from_columns([cells], name="PSF_DATA")
    for key, value in {
        "LOADED": 1,
        "ACCEPTED": 1,
        "CHI2": 1.0,
        "POLNAXIS": 0,
        "POLNGRP": 0,
        "PSF_FWHM": _fwhm(picture) * scale,
        "PSF_SAMP": float(scale),
        "PSFNAXIS": 3,
        "PSFAXIS1": width,
        "PSFAXIS2": height,
        "PSFAXIS3": 1,
    }.items():
        table.header[key] = value
    table.writeto(path, overwrite=True)
    return Path(path)


def _cell(picture: np.ndarray) -> np.ndarray:
    """The only row of the table: one plane of the PSF, its sum 1."""
    return (picture / picture.sum(dtype=np.float64)).astype(np.float32)[None, None]


def _fwhm(picture: np.ndarray) -> float:
    """The diameter of a disc as large as the part above half of the peak, in the picture's own steps."""
    above = np.count_nonzero(picture >= picture.max() / 2)
    return float(2 * np.sqrt(above / np.pi))
