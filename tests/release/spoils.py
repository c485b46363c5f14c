"""Ways to spoil a released file: each changes an open one, and returns the object, the key and the pixel."""

import numpy as np


def spoil_pixel(file):
    file["image"][1, 3, 40, 50] += np.float32(1e-3)
    return file["object_id"][1], "image", (3, 40, 50)


def negate_padding(file):
    file["image"][0, 0, 0, 0] = np.float32(-0.0)
    return file["object_id"][0], "image", (0, 0, 0)


def swap_bands(file):
    file["image"][2] = file["image"][2][[0, 2, 1, 3, 4]]
    return file["object_id"][2], "image", (1,)


def shift_padding(file):
    row = 0
    file["image"][row, 4] = np.roll(file["image"][row, 4], 1, 0)
    return file["object_id"][row], "image", (4,)


def transpose(file):
    file["image"][1, 0] = file["image"][1, 0].T.copy()
    return file["object_id"][1], "image", (0,)


def spoil_value(file):
    file["specz_redshift"][3] = np.nextafter(file["specz_redshift"][3], 1)
    return file["object_id"][3], "specz_redshift", None


def spoil_text(file):
    file["specz_name"][1, 0] = b"SDSS-0"
    return file["object_id"][1], "specz_name", None


def spoil_flag(file):
    file["specz_flag_homogeneous"][2] = False
    return file["object_id"][2], "specz_flag_homogeneous", None


def fill_null(file):
    file["dec"][0] = np.nan
    return file["object_id"][0], "dec", None


def detect(file):
    file["i_sersic_index"][2] = 4.0
    return file["object_id"][2], "i_sersic_index", None


def swap_rows(file):
    file["object_id"][:2] = file["object_id"][:2][::-1]
    return file["object_id"][1], "object_id", None


def repeat_row(file):
    file["object_id"][1] = file["object_id"][0]
    return file["object_id"][0], "object_id", None


SPOILS = [spoil_pixel, negate_padding, swap_bands, shift_padding, transpose, spoil_value, spoil_text, spoil_flag]
SPOILS += [fill_null, detect, swap_rows, repeat_row]
