"""Reading Asimov limits and summaries, and what must hold in them, whoever wrote them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from zeptobarn.study.slices.summary import (
    sensitivity_slice,
    signals_sensitivity_slice,
    signals_summary_slice,
    summary_slice,
)
from zeptobarn.study.study import Study
from zeptobarn.support import paths
from zeptobarn.support.kinds import NOT_NEGATIVE, Column, Kind
from zeptobarn.support.tables import read_parquet

_WIMP, _SIGNAL = ("interaction", "mass_GeV"), ("signal",)
# A median of trials without a limit is infinite; what is not known is missing.
QUANTITY = Column(low=0, infinite=True, missing=True)
# A difference, which may have either sign.
_BIAS = Column(infinite=True, missing=True)
_QUANTITIES = {
    "template_bias_*": _BIAS,
    "calibration_error_*": _BIAS,
    "*_cm2": QUANTITY,
    "*_rate_multiplier": QUANTITY,
}
_COUNTS = {
    "n_trials": NOT_NEGATIVE,
    **dict.fromkeys(
        ("n_failed", "n_warnings", "n_all_signals_excluded"), Column(low=0, at_most="n_trials")
    ),
}


def _kind(signal: Sequence[str], *before: str, **more: Column) -> Kind:
    columns = {**more, **_QUANTITIES}
    return Kind(columns, key=(*before, *signal, "interval"), complete=True, fewest=1)


SENSITIVITY = _kind(_WIMP)
SIGNALS_SENSITIVITY = _kind(_SIGNAL)
SUMMARY = _kind(_WIMP, "detector", **_COUNTS)
SIGNALS_SUMMARY = _kind(_SIGNAL, "detector", **_COUNTS)
# By the patterns of their paths, for those who know no study.
SUMMARIES = {paths.SUMMARY: SUMMARY, paths.SIGNALS_SUMMARY: SIGNALS_SUMMARY}


def read_sensitivity(study: Study, target: str) -> pd.DataFrame:
    """Read a target's Asimov limits on WIMPs, with its name in a column ``detector``.

    Raises
    ------
    ResultError
        The file is damaged, or was made from another configuration; so for all that is read here.
    """
    file, expected = study.path(paths.SENSITIVITY, target=target), sensitivity_slice(study, target)
    return _read(study, file, expected, SENSITIVITY).assign(detector=target)


def read_signals_sensitivity(study: Study, target: str) -> pd.DataFrame:
    """Read a target's Asimov limits on given signals; see `read_sensitivity`."""
    file = study.path(paths.SIGNALS_SENSITIVITY, target=target)
    expected = signals_sensitivity_slice(study, target)
    return _read(study, file, expected, SIGNALS_SENSITIVITY).assign(detector=target)


def read_summary(study: Study, file: str | Path) -> pd.DataFrame:
    """Read a table of `zeptobarn.summary.summary.summarise`."""
    return _read(study, file, summary_slice(study), SUMMARY)


def read_signals_summary(study: Study, file: str | Path) -> pd.DataFrame:
    """Read a table of `zeptobarn.summary.signal_medians.summarise_signals`."""
    return _read(study, file, signals_summary_slice(study), SIGNALS_SUMMARY)


def _read(study: Study, file: str | Path, expected: Any, kind: Kind) -> pd.DataFrame:
    known: Mapping[str, Sequence[Any]] = {
        "detector": list(study.targets),
        "interaction": study.interactions,
        "mass_GeV": study.masses_GeV,
        "signal": [signal.name for signal in study.given_signals],
        "interval": [interval.name for interval in study.intervals],
    }
    levels = {name: known[name] for name in kind.key}
    return read_parquet(file, config_slice=expected, kind=kind, levels=levels)[0]
