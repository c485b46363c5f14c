"""What each estimator is made of: the networks of its members, in one place."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from galaxiesml.photoz.config import Config


def networks(config: Config, bands: int, edges: np.ndarray) -> Callable:
    """The function that gives the network of a member, by its number.

    A network has `schedule` ('one-cycle' or 'constant'), `betas` of Adam, `clip` (the largest norm of a gradient, or
    None), and the methods

    - ``begin(data)``: fit to the training rows what is not trained;
    - ``loss(magnitudes, errors, redshift, generator)``: the loss of each row of a batch;
    - ``judge(magnitudes, errors, redshift)``: a loss and an estimate for each row, by which an epoch is chosen;
    - ``predict(magnitudes, errors, generator)``: ``pdf`` or ``point``, and for bnn the two sigmas, for each row.
    """
    if config.estimator == "table":
        from galaxiesml.photoz.network import TableNetwork

        with_bins = round(config.bins_share * config.seeds)
        return lambda number: TableNetwork(config, bands, edges, number < with_bins)
    if config.estimator == "paper-nn":
        from galaxiesml.photoz.paper import PaperNetwork

        return lambda number: PaperNetwork(config, bands)
    from galaxiesml.photoz.bayesian import BayesianNetwork

    return lambda number: BayesianNetwork(config, bands, edges)
