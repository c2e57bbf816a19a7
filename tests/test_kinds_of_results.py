"""What the kinds of result files that a first study does not have declare."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from zeptobarn.failures.rows import TRIALS
from zeptobarn.inference.result_kinds import CALIBRATION, COVERAGE, LIMITS
from zeptobarn.inference.results import CALIBRATION_UNITS, calibration_rows, read_calibration
from zeptobarn.study.settings import Interval
from zeptobarn.summary.observed_table import EVENTS, NUISANCES, observed_kind
from zeptobarn.summary.reading import SIGNALS_SENSITIVITY, SIGNALS_SUMMARY
from zeptobarn.support.kinds import Inspection
from zeptobarn.support.tables import DamagedResultError, write_parquet


def calibration(intervals=("profiled", "unified")):
    rows = [(name, float(signal)) for name in intervals for signal in range(1, 4)]
    return pd.DataFrame(rows, columns=["interval", "rate_multiplier"]).assign(
        confidence_level=0.9,
        test_statistic="q_tilde",
        critical_value=1.6,
        critical_value_low=1.5,
        critical_value_high=1.7,
        n_effective=900.0,
        n_toys=1000,
        n_failed=0,
    )


# The same expected events are of another rate where a shape is fixed elsewhere.
COVERED = pd.DataFrame(
    {
        "interval": ["profiled", "profiled", "leff_low", "leff_low"],
        "calibration": ["asymptotic", "toys"] * 2,
        "expected_events": 3.0,
        "true_rate_multiplier": [0.5, 0.5, 0.7, 0.7],
        "n_trials": 100,
        "n_covered": 90,
        "n_failed": 0,
    }
)
LIMIT = pd.DataFrame(
    {
        "interaction": "SI",
        "mass_GeV": 50.0,
        "signal": "mine",
        "detector": "lz",
        "trial": 1,
        "finder": "robust",
        "interval": ["profiled", "unified"],
        "kind": ["upper", "unified"],
        "confidence_level": 0.9,
        "limit_rate_multiplier": [0.5, np.nan],
        "limit_cm2": [5e-46, np.nan],
        "calibration_error_cm2": [np.inf, np.nan],
        "best_fit_rate_multiplier": [0.0, np.nan],
        "best_fit_leff": [-0.3, np.nan],
        "status": ["ok", "no_crossing"],
        "critical_values": "toys",
        "q0": [0.1, np.nan],
        "p0_toys": [0.4, np.nan],
        "n_events": 3,
        "n_trials": 20,
        "n_failed": 1,
        "predicted_fraction": 0.1,
        "expected_events": 4.0,
        "filled_bins": 12,
        "median_rate_multiplier": [0.5, np.inf],
        "asimov_rate_multiplier": [0.5, np.nan],
        "template_bias_rate_multiplier": [-0.1, np.nan],
    }
)
EVENT = pd.DataFrame(
    {
        "detector": "lz",
        "row": ["3", "7"],
        "cs1": 20.0,
        "cs2": 900.0,
        "signal_to_background": [0.3, 0.2],
        "rank": [1, 2],
        "limit_without_cm2": [1e-47, np.nan],
        "change": [-0.1, np.nan],
    }
)
NUISANCE = pd.DataFrame(
    {
        "parameter": ["er_rate", "leff"],
        "best_fit": [1.1, -0.2],
        "error_low": 0.1,
        "error_high": [0.2, np.inf],
        "pull": [np.nan, -0.2],
        "limit_low_cm2": 1e-47,
        "change_low": -0.1,
    }
)
FAILED = LIMIT.assign(finder=["conventional", "robust"])
# A good table, what becomes of its first row, and what is said of it.
CASES = {
    "calibration": (CALIBRATION, calibration(), {"critical_value": -1.4}, "≥ 0"),
    "calibration twice": (CALIBRATION, calibration(), {"rate_multiplier": 2.0}, "a second row"),
    "calibration NaN": (CALIBRATION, calibration(), {"critical_value": np.nan}, "a value"),
    "coverage": (COVERAGE, COVERED, {"n_covered": 101}, "≤ n_trials"),
    "coverage twice": (COVERAGE, COVERED, {"calibration": "toys"}, "a second row"),
    "coverage words": (COVERAGE, COVERED, {"calibration": "guess"}, "asymptotic or toys"),
    "limit": (LIMITS, LIMIT, {"limit_cm2": -1e-46}, "≥ 0"),
    "limit that is no limit": (LIMITS, LIMIT, {"status": "no_crossing"}, "none, as its status"),
    "limit that is missing": (LIMITS, LIMIT, {"limit_cm2": np.nan}, "a value, as its status"),
    "best fit": (LIMITS, LIMIT, {"best_fit_leff": -np.inf}, "finite"),
    "observed p": (observed_kind(False), LIMIT, {"p0_toys": 1.5}, "≤ 1"),
    "observed number": (observed_kind(False), LIMIT, {"n_events": -3}, "≥ 0"),
    "observed mass": (observed_kind(False), LIMIT, {"mass_GeV": 7.0}, "2 rows of"),
    "events": (EVENTS, EVENT, {"rank": 2}, "more than in the row before"),
    "events twice": (EVENTS, EVENT, {"row": "7"}, "a second row of detector lz, row 7"),
    "nuisances": (NUISANCES, NUISANCE, {"error_low": -0.1}, "≥ 0"),
    "failures": (TRIALS, FAILED, {"finder": "robust"}, "a second row of trial 1, finder robust"),
    "failures' limits": (TRIALS, FAILED, {"limit_rate_multiplier": -1.0}, "≥ 0"),
    "signals' sensitivity": (
        SIGNALS_SENSITIVITY,
        LIMIT,
        {"asimov_rate_multiplier": -1.0},
        "≥ 0",
    ),
    "signals' summary": (SIGNALS_SUMMARY, LIMIT, {"n_failed": 21}, "≤ n_trials"),
}


@pytest.mark.parametrize("name", CASES)
def test_declared(name):
    kind, good, change, said = CASES[name]

    def fault(table):
        inspection = Inspection(kind, {}, {})
        return inspection.fault(table) or inspection.fault_at_end()

    assert fault(good) == ""
    broken = good.copy()
    for column, value in change.items():
        broken.loc[0, column] = value
    assert said in fault(broken)


def test_a_calibration_of_every_interval():
    """What is written of each is what reading it allows."""
    intervals = [
        Interval("limit", {}, (), "upper"),
        Interval("ratio", {}, (), "upper", cls=True),
        Interval("unified", {}, (), "unified"),
        Interval("central", {}, (), "central"),
    ]
    study = SimpleNamespace(intervals=intervals, confidence_level=0.9)
    columns = ["critical_value", "n_effective", "n_toys", "n_failed"]
    table = calibration(["any"])[columns].assign(signal=[1.0, 2.0, 3.0])
    table[["critical_value_low", "critical_value_high"]] = 1.5
    tables = dict.fromkeys(("limit", "ratio", "unified"), table)
    rows = calibration_rows(SimpleNamespace(study=study, signal_events=2), tables)
    assert list(rows["interval"].unique()) == list(tables)
    inspection = Inspection(CALIBRATION, {}, {})
    assert inspection.fault(rows) == ""
    assert inspection.fault_at_end() == ""


def test_a_calibration_without_an_interval(tmp_path):
    """It is asked for where the interval has critical values from toys, and only there."""
    file = tmp_path / "50GeV.parquet"
    intervals = [SimpleNamespace(name=name) for name in ("profiled", "unified", "central")]
    model = SimpleNamespace(
        study=SimpleNamespace(intervals=intervals),
        target="lz",
        interaction="SI",
        mass_GeV=50,
        calibrates=lambda interval: interval.name != "central",
    )
    for there in (("profiled", "unified"), ("unified",)):
        write_parquet(calibration(there), file, units=CALIBRATION_UNITS, config_slice="slice")
        if len(there) > 1:
            assert len(read_calibration(model, file, "slice")) == 6
    with pytest.raises(DamagedResultError, match="it lacks the interval profiled"):
        read_calibration(model, file, "slice")
