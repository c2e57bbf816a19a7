"""One dataset, a signal to put into it, and the models of several signals for it."""

from collections import deque
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from zeptobarn.inference.load import read_model
from zeptobarn.inference.model import Model
from zeptobarn.study.study import Study
from zeptobarn.support import paths
from zeptobarn.support.streams import stream
from zeptobarn.templates.templates import Template
from zeptobarn.templates.toys import Toys, place, read_toys


def read_models(
    study: Study,
    target: str,
    places: Sequence[tuple[str, float | None]],
    templates: Sequence[str | Path],
    calibrations: Sequence[str | Path] = (),
) -> list[Model]:
    """Make the models of several signals.

    Parameters
    ----------
    places
        Some of `Study.places`.
    templates
        Files of each signal in the order of `Study.model_sources`, signal after signal.
    calibrations
        A file of critical values per signal, where the study calibrates with toys.
    """
    left = iter(templates)
    models = []
    files: Sequence[str | Path | None] = calibrations or [None] * len(places)
    for (interaction, mass), file in zip(places, files, strict=True):
        n = len(study.model_sources(target, interaction, mass))
        models.append(read_model(study, target, mass, interaction, list(islice(left, n)), file))
    return models


def first_dataset(
    study: Study, target: str, events: Sequence[str | Path], truth: Sequence[str | Path]
) -> dict[str, Toys]:
    """Read the dataset of a batch's first trial, of each detector.

    Parameters
    ----------
    events, truth
        Files of `zeptobarn.templates.toys.write_toys`, one of each detector.
    """
    dataset: dict[str, Toys] = {}
    for name, e, t in zip(study.targets[target], events, truth, strict=True):
        chunks = read_toys(study, name, Path(e), Path(t))
        first = next(chunks)
        dataset |= one_trial({name: first}, int(first.trials[0]))
        deque(chunks, maxlen=0)  # to the end, where the files are known to be in order
    return dataset


def one_trial(toys: Mapping[str, Toys], trial: int) -> dict[str, Toys]:
    """Pick a trial's dataset of each detector."""
    return {
        name: Toys(
            thrown.events[thrown.events["trial"] == trial].reset_index(drop=True),
            thrown.truth[thrown.truth["trial"] == trial].reset_index(drop=True),
        )
        for name, thrown in toys.items()
    }


def throw_signal(
    study: Study,
    detector: str,
    source: str,
    template: Template,
    rate_multiplier: float,
    *trial: int,
) -> pd.DataFrame:
    """Throw the signal events of one dataset, from the nominal template.

    The random numbers depend on the seed, the names, the multiplier, and the trial if there is one.

    Returns
    -------
    ``cs1, cs2`` (the detector's area unit), a row per event.
    """
    rng = stream(study.seed, "signal", detector, source, paths.number(rate_multiplier), *trial)
    expected = template.nominal
    n = rng.poisson(rate_multiplier * expected.sum())
    shares = expected / (expected.sum() or 1.0)
    bins = rng.choice(len(shares), size=n, p=shares) if n else np.empty(0, dtype=np.int64)
    cs1, cs2 = place(study.detectors[detector].space, bins, rng)
    return pd.DataFrame({"cs1": cs1, "cs2": cs2})
