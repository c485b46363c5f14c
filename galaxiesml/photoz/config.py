"""Every setting of a run, checked where it enters; the names of a table's columns."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from dataclasses import dataclass, field

from galaxiesml.errors import UsageError

ESTIMATORS = ("table", "best", "paper-nn", "paper-cnn", "bnn", "forest")
#: Those that are trained on pictures too.
PICTURED = ("best", "paper-cnn")
#: Those that give a number, not a PDF; theirs is the distribution of their residuals on validation.
POINTED = ("paper-nn", "paper-cnn")
#: The fewest pixels on a side of a picture: five halvings leave one.
SMALLEST = 32
#: What `z_phot` may be; z_point is the number that a network itself gives.
POINTS = ("z_median", "z_risk", "z_mode", "z_point")
#: Where an estimator's defaults differ from those of `Config`.
_DEFAULTS = {
    "table": {},
    "paper-nn": {"seeds": 1, "epochs": 200, "batch": 100, "learning_rate": 5e-4, "weight_decay": 0.0, "width": 200,
                 "patience": 10, "band_dropout": 0.0, "average": 0.0, "z_phot": "z_point"},
    "bnn": {"seeds": 1, "epochs": 60, "batch": 256, "learning_rate": 2e-3, "weight_decay": 0.0, "width": 200,
            "band_dropout": 0.0, "average": 0.0, "z_phot": "z_median"},
    "paper-cnn": {"seeds": 1, "epochs": 200, "batch": 256, "learning_rate": 1e-4, "weight_decay": 0.0, "width": 200,
                  "band_dropout": 0.0, "average": 0.0, "z_phot": "z_point", "shuffle": False, "choose": "training",
                  "stored": "float32", "precision": "float32", "chunk": 1024},
    "best": {"seeds": 2, "epochs": 30, "bins_share": 0.5, "batch": 0, "chunk": 1024},
    "forest": {"seeds": 1, "z_phot": "z_median"},
}  # fmt: skip
#: Where paper-cnn as the paper's text has it differs from its authors' code.
_TEXT = {"shuffle": True, "choose": "validation"}


@dataclass(frozen=True)
class Columns:
    """How a table names what is read of it, and what stands for a non-detection.

    Attributes
    ----------
    magnitudes, errors : str
        Patterns in which ``{band}`` stands for the filter; errors '' means that there are none.
    redshift, object_id, split, group, weights : str
        Names; '' means that there is none.  `group` is the HDF5 group that holds the columns.
    non_detection : float or None
        The value, 99 for example, of a magnitude that was not detected.  NaN and NULL are always missing.
    limits : dict of str to float
        The magnitude that a non-detection counts as, by filter; without one it counts as missing.
    """

    magnitudes: str = "{band}_cmodel_mag"
    errors: str = "{band}_cmodel_magsigma"
    redshift: str = "specz_redshift"
    object_id: str = "object_id"
    split: str = "split"
    group: str = ""
    non_detection: float | None = None
    limits: dict[str, float] = field(default_factory=dict)
    weights: str = ""

    def __post_init__(self):
        for name in ("magnitudes", "errors"):
            pattern = getattr(self, name)
            if pattern and "{band}" not in pattern:
                raise UsageError(
                    f"--{name} {pattern} does not contain {{band}}.", f"For example: --{name} '{{band}}_cmodel_mag'"
                )
        if not self.magnitudes:
            raise UsageError("--magnitudes must name the columns of the magnitudes.")
        if self.limits and self.non_detection is None:
            raise UsageError("--limits needs --non-detection.", "For example: --non-detection 99")
        for band, limit in self.limits.items():
            if not math.isfinite(limit):
                raise UsageError(f"--limits {band}={limit} is not a finite magnitude.")


@dataclass(frozen=True)
class Config:
    """The settings of one run.

    Attributes
    ----------
    estimator : str
        One of `ESTIMATORS`.
    seed, seeds : int
        The first seed, and how many networks are trained; their PDFs are averaged.
    z_min, z_max, z_bins, z_spacing
        The grid of every PDF; 'log' is equal in ln(1 + z), 'linear' equal in z.
    z_phot : str
        Which estimate is called z_phot: 'z_median', 'z_risk', 'z_mode', or 'z_point' (paper-nn and bnn).
    odds_width : float
        Odds are the probability within this, times 1 + z_phot, of z_phot.
    epochs, batch, learning_rate, weight_decay, average, patience
        Of training; `average` is the decay of the moving average of the weights (0: none), `patience` the epochs
        without improvement after which training stops (0: never).  A batch of 0, for `best` alone, is about 1/64 of
        the training rows, from 64 to 1024.
    width, blocks, frequencies, embedding, dropout
        Of the network: units a layer, residual blocks, periodic functions an input, values an input becomes.
    bins_share : float
        The share of `table`'s networks that have a head of bins; the others have mixtures of normals.
    mixtures, label_width, crps_weight, colours, use_errors
        Of `table`: normals in a mixture; smoothing of labels in ln(1 + z); weight of the CRPS in the loss; whether
        colours, and errors, are inputs.
    band_dropout : float
        The share of training rows that lose some of their bands, at random, at each step.
    trees, leaf : int
        Of `forest`: trees, and the fewest rows of a leaf.
    samples, prior_weight
        Of `bnn`: draws of the weights for one prediction, and the weight of the weights' prior in the loss.
    weight_clip : float
        The largest weight of a row, in units of the mean weight of its split.
    shuffle : bool
        Whether each epoch takes the training rows in an order of its own.
    choose : str
        The loss that chooses an epoch: 'validation' or, as the authors' code of `paper-cnn` has it, 'training'.
    pictures : bool
        Of `best`: whether it sees the pictures; without them it is the same network on the same table.
    size : int
        Pixels on a side of the pictures; 0: those of the files, but at most 64 for `best`.
    trunk : str
        Of `best`, what reads the pictures: 'small', 'resnet18', or 'auto': resnet18 on a GPU, small on a CPU.
    channels : int
        Of the trunk's first layer; 0: 64 of resnet18, 24 of small.
    flips, shift, noise
        Of `best`'s training: whether pictures are flipped and transposed, by how many pixels they are shifted at most,
        and the largest noise that is added, in units of the sky's.
    stored : str
        How pictures are kept in memory: 'float16' or 'float32'.
    precision : str
        Of convolutions: 'float32', 'bf16', or 'auto': bf16 on a GPU.
    compile : str
        Whether torch compiles the network: 'yes', 'no', or 'auto': yes for `best` on a GPU.
    variant : str
        Of `paper-cnn`: as the authors' 'code' has it, or as the paper's 'text' says.
    folds : int
        Parts of the validation rows, each calibrated by choices that the others made.
    threads : int
        Of torch on a CPU; equal results are promised for equal numbers.
    device : str
        'auto', 'cpu' or 'cuda'.
    chunk : int
        Rows predicted at a time.
    """

    estimator: str = "table"
    seed: int = 1
    seeds: int = 4
    z_min: float = 0.0
    z_max: float = 4.0
    z_bins: int = 300
    z_spacing: str = "log"
    z_phot: str = "z_median"
    odds_width: float = 0.06
    epochs: int = 45
    batch: int = 256
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    average: float = 0.995
    patience: int = 0
    width: int = 96
    blocks: int = 2
    frequencies: int = 8
    embedding: int = 8
    dropout: float = 0.0
    bins_share: float = 0.75
    mixtures: int = 8
    label_width: float = 0.008
    crps_weight: float = 10.0
    colours: bool = True
    use_errors: bool = False
    band_dropout: float = 0.05
    trees: int = 100
    leaf: int = 5
    samples: int = 32
    prior_weight: float = 0.02
    weight_clip: float = 20.0
    shuffle: bool = True
    choose: str = "validation"
    pictures: bool = True
    size: int = 0
    trunk: str = "auto"
    channels: int = 0
    flips: bool = True
    shift: int = 3
    noise: float = 0.3
    stored: str = "float16"
    precision: str = "auto"
    compile: str = "auto"
    variant: str = "code"
    folds: int = 5
    threads: int = 1
    device: str = "auto"
    chunk: int = 4096

    def __post_init__(self):
        _check(self)

    @classmethod
    def of(cls, estimator: str, **settings) -> Config:
        """The defaults of an estimator, and settings that differ from them."""
        if estimator not in ESTIMATORS:
            raise UsageError(f"Unknown estimator: {estimator}.", f"Choose one of: {', '.join(ESTIMATORS)}")
        text = _TEXT if settings.get("variant") == "text" else {}
        return cls(estimator=estimator, **{**_DEFAULTS[estimator], **text, **settings})

    @classmethod
    def typed(cls, estimator: str, settings: list[str]) -> Config:
        """The same from words as they are typed: ``["epochs=30", "z_max=6"]``."""
        return cls.of(estimator, **dict(_setting(word) for word in settings))

    @classmethod
    def from_json(cls, values: dict) -> Config:
        """The settings that `as_dict` gave."""
        try:
            return cls(**{name: _FIELDS[name].cast(value) for name, value in values.items()})
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(f"Not the settings of a run: {error}.") from None

    def as_dict(self) -> dict:
        return dataclasses.asdict(self)

    def digest(self) -> str:
        """A hash of what decides the result: all settings but the size of a chunk of predictions."""
        decisive = {name: value for name, value in self.as_dict().items() if name != "chunk"}
        for name in _LATER:
            # At its default it decides nothing that runs from before it had not.
            if decisive[name] == getattr(type(self), name):
                del decisive[name]
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


#: Settings that the first runs did not have.
_LATER = ("weight_clip", "shuffle", "choose", "pictures", "size", "trunk", "channels", "flips", "shift", "noise",
          "stored", "precision", "compile", "variant")  # fmt: skip


@dataclass(frozen=True)
class _Field:
    """What a setting may be."""

    type: str
    low: float = -math.inf
    high: float = math.inf
    words: tuple[str, ...] = ()

    def cast(self, value):
        if self.type == "bool":
            if isinstance(value, bool):
                return value
            return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[str(value).lower()]
        if isinstance(value, bool):
            raise ValueError(value)
        if self.type == "int":
            if isinstance(value, float) and not value.is_integer():
                raise ValueError(value)
            return int(value)
        return float(value) if self.type == "float" else str(value)


_FIELDS = {found.name: _Field(found.type) for found in dataclasses.fields(Config)} | {
    "estimator": _Field("str", words=ESTIMATORS),
    "z_spacing": _Field("str", words=("log", "linear")),
    "z_phot": _Field("str", words=POINTS),
    "device": _Field("str", words=("auto", "cpu", "cuda")),
    "seed": _Field("int", 0, 2**31 - 1),
    "seeds": _Field("int", 1, 64),
    "z_min": _Field("float", -0.5, 20),
    "z_max": _Field("float", 0.01, 20),
    "z_bins": _Field("int", 10, 5000),
    "odds_width": _Field("float", 1e-6, 10),
    "epochs": _Field("int", 1, 100_000),
    "batch": _Field("int", 0, 1_000_000),
    "learning_rate": _Field("float", 1e-9, 10),
    "weight_decay": _Field("float", 0, 10),
    "average": _Field("float", 0, 0.99999),
    "patience": _Field("int", 0, 100_000),
    "width": _Field("int", 2, 8192),
    "blocks": _Field("int", 0, 64),
    "frequencies": _Field("int", 0, 256),
    "embedding": _Field("int", 1, 256),
    "dropout": _Field("float", 0, 0.9),
    "bins_share": _Field("float", 0, 1),
    "mixtures": _Field("int", 1, 256),
    "label_width": _Field("float", 1e-5, 1),
    "crps_weight": _Field("float", 0, 1e6),
    "band_dropout": _Field("float", 0, 1),
    "trees": _Field("int", 1, 10_000),
    "leaf": _Field("int", 1, 1_000_000),
    "samples": _Field("int", 1, 10_000),
    "prior_weight": _Field("float", 0, 100),
    "weight_clip": _Field("float", 1, 1e9),
    "choose": _Field("str", words=("validation", "training")),
    "size": _Field("int", 0, 1024),
    "trunk": _Field("str", words=("auto", "small", "resnet18")),
    "channels": _Field("int", 0, 512),
    "shift": _Field("int", 0, 64),
    "noise": _Field("float", 0, 10),
    "stored": _Field("str", words=("float16", "float32")),
    "precision": _Field("str", words=("auto", "float32", "bf16")),
    "compile": _Field("str", words=("auto", "yes", "no")),
    "variant": _Field("str", words=("code", "text")),
    "folds": _Field("int", 2, 100),
    "threads": _Field("int", 1, 1024),
    "chunk": _Field("int", 1, 10_000_000),
}


def _setting(word: str) -> tuple[str, object]:
    name, equals, text = word.partition("=")
    name = name.strip()
    if not equals:
        raise UsageError(f"--set {word} has no '='.", "For example: --set epochs=30")
    if name == "estimator" or name not in _FIELDS:
        names = ", ".join(known for known in _FIELDS if known != "estimator")
        raise UsageError(f"Unknown setting: {name}.", f"Settings: {names}")
    try:
        return name, _FIELDS[name].cast(text.strip())
    except (ValueError, KeyError, OverflowError):
        kinds = {"int": "a whole number", "float": "a number", "bool": "true or false"}
        raise UsageError(f"--set {word}: {name} must be {kinds.get(_FIELDS[name].type, 'a word')}.") from None


def _check(config: Config) -> None:
    for name, rule in _FIELDS.items():
        value = getattr(config, name)
        if rule.words and value not in rule.words:
            raise UsageError(f"Unknown value for {name}: {value}.", f"Choose one of: {', '.join(rule.words)}")
        if rule.type in ("int", "float") and not rule.low <= value <= rule.high:
            raise UsageError(f"{name} must be from {rule.low:g} to {rule.high:g}, and is {value}.")
    if config.z_min >= config.z_max:
        raise UsageError(f"z_min ({config.z_min:g}) must be below z_max ({config.z_max:g}).")
    if config.variant == "text" and config.estimator != "paper-cnn":
        raise UsageError(f"--as text is for paper-cnn, not for {config.estimator}.", "Leave it out.")
    if config.batch < 2 and not (config.estimator == "best" and config.batch == 0):
        raise UsageError(f"batch must be at least 2, and is {config.batch}.")
    if config.estimator == "paper-cnn" and not config.pictures:
        raise UsageError("paper-cnn is trained on pictures.", "Without them: galaxiesml train paper-nn")
    if config.estimator in PICTURED and 0 < config.size < SMALLEST:
        raise UsageError(f"size must be at least {SMALLEST}, and is {config.size}.")
    if config.z_phot == "z_point" and config.estimator not in (*POINTED, "bnn"):
        raise UsageError(f"z_phot=z_point: {config.estimator} gives PDFs alone.", "Choose z_median, z_risk or z_mode.")
