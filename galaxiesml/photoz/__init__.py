"""Photometric redshifts from tables and pictures: estimators that know no catalogue, and what brings them to one.

    config       every setting of a run, checked; ``key=value`` as typed
    data         magnitudes, redshifts and splits in memory, checked
    tables       read from Parquet, CSV and HDF5;  `released`: from files in the GalaxiesML layout
    pictures     where galaxies' pictures are;  `batches`: rows and pictures on the device;  `augment`: flips and shifts
    grid         the bins of every PDF, packed as integers that sum exactly
    estimates    point estimates, intervals, odds and flags from PDFs
    network      `table`: a residual network with heads of bins and of mixtures
    best         `best`: that network joined with one of `trunks`, which see pictures;  `precision`: where bf16 may be
    paper        `paper-nn`: the paper's network as its authors' code has it;  `paper_cnn`: the one on pictures
    bayesian     `bnn`: variational layers;  `forest`: a random forest with PDFs from its leaves
    kinds        which networks an estimator has, and settings that data and machine decide
    training     the one loop in which networks are trained;  `state`: what it knows when it is killed and continued
    calibrate    temperature, and conformal intervals
    run          `train`, `load` and `Run.predict`;  `folder`: what a run's folder holds
    metrics      how good estimates and PDFs are, in NumPy alone
    named        tables and runs as a command line names them

    catalogued   a build's galaxies as training data, a run's predictions as its table;  `photographed`: their pictures
    stored       predictions as the catalogue keeps them;  `external`: those that somebody else made

``python -m galaxiesml.photoz`` trains and predicts where only torch, NumPy, h5py, pyarrow and safetensors are
installed.  Torch is imported when a network is first needed.
"""

from __future__ import annotations

from importlib import import_module

_ROOMS = {"Columns": "config", "Config": "config", "Data": "data", "Pictures": "pictures"}
_ROOMS |= {"Run": "run", "load": "run", "train": "run"}
__all__ = ["Columns", "Config", "Data", "Pictures", "Run", "load", "train"]


def __getattr__(name: str):
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)
