"""`forest`: a random forest whose leaves give PDFs; scikit-learn grows it, and NumPy alone predicts."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from galaxiesml.errors import UsageError
from galaxiesml.photoz.config import Config
from galaxiesml.photoz.data import Data

#: The share of every PDF that is spread over all bins: a leaf of a few rows excludes nothing.
_SPREAD = 1e-3
#: What comes from a row below the forest's root.
_LEAF = -1


@dataclass(frozen=True)
class Forest:
    """The trees, one after another, as arrays of nodes.

    Attributes
    ----------
    starts : ndarray (trees + 1,) of int64
        Where each tree's nodes begin.
    left, right : ndarray of int32
        Children of each node, counted from its tree's first; -1 at a leaf.
    feature : ndarray of int32
    threshold : ndarray of float64
        A row goes to the left where its feature is at most this.
    missing_left : ndarray of uint8
        Whether a row without that feature goes to the left.
    value : ndarray of float64
        The mean redshift of each node's rows in their sample.
    leaf_starts : ndarray of int64
        Where the training rows of each node begin in `leaf_bins`, one more than there are nodes.
    leaf_bins : ndarray of int32
        The bins of the redshifts of training rows, leaf by leaf.
    kernel : ndarray of float64
        Smooths the histograms.
    bins : ndarray (1,) of int64
    leaf_weights : ndarray of float32, optional
        How much each of `leaf_bins` counts; None: all alike.
    """

    starts: np.ndarray
    left: np.ndarray
    right: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    missing_left: np.ndarray
    value: np.ndarray
    leaf_starts: np.ndarray
    leaf_bins: np.ndarray
    kernel: np.ndarray
    bins: np.ndarray
    leaf_weights: np.ndarray | None = None

    @classmethod
    def trained(cls, data: Data, config: Config, edges: np.ndarray) -> Forest:
        """Grow the trees on magnitudes and the colours of neighbouring bands."""
        return cls.of(grown(data, config), data, config, edges)

    @classmethod
    def of(cls, model, data: Data, config: Config, edges: np.ndarray) -> Forest:
        """The arrays of scikit-learn's model, with the redshifts of all training rows in its leaves."""
        trees = [estimator.tree_ for estimator in model.estimators_]
        starts = np.concatenate([[0], np.cumsum([tree.node_count for tree in trees])]).astype(np.int64)
        place = np.clip(np.searchsorted(edges, data.redshift, side="right") - 1, 0, config.z_bins - 1)
        leaves = model.apply(features(data.magnitudes)).T + starts[:-1, None]
        order = np.argsort(leaves.ravel(), kind="stable")
        counts = np.bincount(leaves.ravel(), minlength=starts[-1])
        width = config.label_width / float(np.median(np.diff(np.log1p(edges))))
        reach = int(np.ceil(4 * width))
        kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)

        def joined(name: str, dtype) -> np.ndarray:
            return np.concatenate([getattr(tree, name) for tree in trees]).astype(dtype)

        return cls(
            starts=starts,
            left=joined("children_left", np.int32),
            right=joined("children_right", np.int32),
            feature=joined("feature", np.int32),
            # A split of the missing from the others has an infinite threshold; every file's numbers are finite.
            threshold=np.nan_to_num(joined("threshold", np.float64)),
            missing_left=joined("missing_go_to_left", np.uint8),
            value=np.concatenate([tree.value[:, 0, 0] for tree in trees]),
            leaf_starts=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            leaf_bins=np.tile(place, len(trees))[order].astype(np.int32),
            kernel=kernel / kernel.sum(),
            bins=np.array([config.z_bins]),
            leaf_weights=None if data.weights is None else np.tile(data.weights, len(trees))[order].astype(np.float32),
        )

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], bands: int, config: Config, edges: np.ndarray) -> Forest:
        """What `arrays` gave, checked: no node leads out of its tree, or back."""
        names = [found.name for found in fields(cls) if found.name in arrays or found.name != "leaf_weights"]
        for name in names:
            if name not in arrays or arrays[name].ndim != 1:
                raise RuntimeError(f"forest/{name} must be an array of one axis")
        made = cls(**{name: arrays[name] for name in names})
        nodes = len(made.left)
        sizes = [len(getattr(made, name)) for name in ("right", "feature", "threshold", "missing_left", "value")]
        if set(sizes) != {nodes} or len(made.leaf_starts) != nodes + 1 or len(made.starts) != config.trees + 1:
            raise RuntimeError("the forest's arrays differ in length")
        if made.starts[0] != 0 or made.starts[-1] != nodes or (np.diff(made.starts) < 1).any():
            raise RuntimeError("forest/starts does not part the nodes into trees")
        own = np.arange(nodes) - np.repeat(made.starts[:-1], np.diff(made.starts))
        size = np.repeat(np.diff(made.starts), np.diff(made.starts))
        inner = made.left != _LEAF
        for child in (made.left, made.right):
            if (inner & ((child <= own) | (child >= size))).any():
                raise RuntimeError("a node of the forest leads out of its tree, or back")
        if (inner & ((made.feature < 0) | (made.feature >= 2 * bands - 1))).any():
            raise RuntimeError("a node of the forest asks for a feature that is not there")
        held = np.diff(made.leaf_starts)
        if made.leaf_starts[0] != 0 or made.leaf_starts[-1] != len(made.leaf_bins) or (held < 0).any():
            raise RuntimeError("forest/leaf_starts does not part the leaves' rows")
        if ((~inner) & (held == 0)).all() or list(made.bins) != [config.z_bins]:
            raise RuntimeError("the forest's leaves are empty, or of other bins")
        if len(made.leaf_bins) and not (made.leaf_bins.min() >= 0 and made.leaf_bins.max() < config.z_bins):
            raise RuntimeError("forest/leaf_bins holds a bin that is not on the grid")
        weights = made.leaf_weights
        if weights is not None and (len(weights) != len(made.leaf_bins) or not (weights >= 0).all()):
            raise RuntimeError("forest/leaf_weights does not give each row of the leaves a weight")
        return made

    def arrays(self) -> dict[str, np.ndarray]:
        found = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: values for name, values in found.items() if values is not None}

    def leaves(self, magnitudes: np.ndarray) -> np.ndarray:
        """The leaf of each row in each tree, counted over the forest, (n, trees)."""
        values = features(magnitudes)
        node = np.broadcast_to(self.starts[:-1], (len(values), len(self.starts) - 1)).copy()
        root = node.copy()
        rows, trees = np.nonzero(self.left[node] != _LEAF)
        while len(rows):
            here = node[rows, trees]
            value = values[rows, self.feature[here]]
            to_left = np.where(np.isnan(value), self.missing_left[here] > 0, value <= self.threshold[here])
            node[rows, trees] = np.where(to_left, self.left[here], self.right[here]) + root[rows, trees]
            inner = self.left[node[rows, trees]] != _LEAF
            rows, trees = rows[inner], trees[inner]
        return node

    def mean(self, magnitudes: np.ndarray) -> np.ndarray:
        """The mean redshift, as scikit-learn's forest predicts it."""
        return self.value[self.leaves(magnitudes)].mean(axis=1)

    def pdf(self, magnitudes: np.ndarray) -> np.ndarray:
        """The mean over the trees of the leaves' histograms, smoothed, (n, bins)."""
        bins = int(self.bins[0])
        made = np.zeros((len(magnitudes), bins))
        leaves = self.leaves(magnitudes)
        for tree in range(leaves.shape[1]):
            start = self.leaf_starts[leaves[:, tree]]
            count = self.leaf_starts[leaves[:, tree] + 1] - start
            rows = np.repeat(np.arange(len(leaves)), count)
            within = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
            at = np.repeat(start, count) + within
            flat = rows * bins + self.leaf_bins[at]
            made += np.bincount(flat, self._shares(at, rows, count), minlength=made.size).reshape(made.shape)
        made = _smoothed(made, self.kernel)
        made += _SPREAD * np.maximum(made.sum(axis=1, keepdims=True), 1e-9) / bins
        return made / made.sum(axis=1, keepdims=True)

    def _shares(self, at: np.ndarray, rows: np.ndarray, count: np.ndarray) -> np.ndarray:
        """What each training row in a leaf adds to its PDF; of a leaf, they sum to 1."""
        if self.leaf_weights is None:
            return 1.0 / np.repeat(np.maximum(count, 1), count)
        weights = self.leaf_weights[at].astype(np.float64)
        return weights / np.maximum(np.bincount(rows, weights, minlength=len(count)), 1e-300)[rows]


def grown(data: Data, config: Config):
    """The model of scikit-learn."""
    try:
        from sklearn.ensemble import RandomForestRegressor
    except ImportError:
        raise UsageError("The estimator forest needs scikit-learn.", "Type: pip install 'galaxiesml[photoz]'") from None
    model = RandomForestRegressor(
        config.trees, min_samples_leaf=config.leaf, max_features=0.5, random_state=config.seed, n_jobs=config.threads
    )
    return model.fit(features(data.magnitudes), data.redshift, data.weights)


def features(magnitudes: np.ndarray) -> np.ndarray:
    """Magnitudes and neighbouring colours, float32 as scikit-learn compares them; NaN where missing."""
    return np.hstack([magnitudes, magnitudes[:, :-1] - magnitudes[:, 1:]]).astype(np.float32)


def _smoothed(pdf: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Rows folded with a kernel; what would leave the grid is reflected at its ends."""
    reach = len(kernel) // 2
    padded = np.pad(pdf, ((0, 0), (reach, reach)), mode="symmetric") if reach else pdf
    return sum(weight * padded[:, at : at + pdf.shape[1]] for at, weight in enumerate(kernel))
