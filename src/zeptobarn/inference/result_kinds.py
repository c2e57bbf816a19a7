"""What must hold in files of limits, critical values and coverage; their units are in `results`."""

from zeptobarn.inference.status import WITH_LIMIT, Status
from zeptobarn.support.kinds import COUNT, NOT_NEGATIVE, PROBABILITY, Column, Kind

# A limit, which is there where the status says so.
LIMIT = Column(low=0, known_where=("status", WITH_LIMIT))
# The statistic whose critical values are kept, by what an interval asks of it.
TEST_STATISTICS = {"upper": "q_tilde", "unified": "t_tilde", "cls": "cls"}
STATUS = Column(words=tuple(status.name for status in Status))
LIMIT_COLUMNS = {
    "trial": COUNT,
    "confidence_level": PROBABILITY,
    "kind": Column(words=("upper", "central", "unified")),
    "limit_rate_multiplier": LIMIT,
    "limit_cm2": LIMIT,
    "limit_low_*": Column(low=0, missing=True),
    # Half the distance of two limits, which rounding may turn.
    "calibration_error_*": Column(infinite=True, missing=True),
    "asymptotic_limit_*": Column(low=0, missing=True),
    "best_fit_*": Column(missing=True),
    "signal_likeness": Column(low=0, high=1, missing=True),
    "status": STATUS,
    "n_evaluations": NOT_NEGATIVE,
}
LIMITS = Kind(LIMIT_COLUMNS, key=("trial", "interval"), complete=True)
CALIBRATION = Kind(
    {
        "confidence_level": PROBABILITY,
        "test_statistic": Column(words=tuple(TEST_STATISTICS.values())),
        "rate_multiplier": NOT_NEGATIVE,
        # Infinite where too many toys have no fit.
        "critical_value*": Column(low=0, infinite=True),
        "n_effective": NOT_NEGATIVE,
        "n_toys": NOT_NEGATIVE,
        "n_failed": Column(low=0, at_most="n_toys"),
    },
    key=("interval", "rate_multiplier"),
)
COVERAGE = Kind(
    {
        "calibration": Column(words=("asymptotic", "toys")),
        "expected_events": NOT_NEGATIVE,
        "true_rate_multiplier": NOT_NEGATIVE,
        "n_covered": Column(low=0, at_most="n_trials"),
        "n_failed": Column(low=0, at_most="n_trials"),
    },
    # Which rates that is depends on the shapes that an interval fixes.
    key=("interval", "calibration", "expected_events"),
    complete=True,
)
