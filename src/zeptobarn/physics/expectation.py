"""What a detector file says of a source's expected events, and of how well its rate is known."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from zeptobarn.support.config import ConfigError

Rate = Literal["free", "fixed", "normal", "log_normal", "uniform"]


class Expectation(NamedTuple):
    """Expected events of a source, and how the fit treats its rate.

    A rate is relative to what the source's template holds: at 1, its expected events.

    Attributes
    ----------
    rate
        ``fixed`` at its nominal value, ``free``, or free with a constraint: ``normal`` or
        ``log_normal``, or ``uniform`` inside a range. A half-normal constraint is a normal one
        around a nominal rate of 0, since no rate is negative.
    rate_width
        Width of the constraint, relative to the template (normal) or of the rate's natural
        logarithm (log-normal); 0 without one.
    rate_range
        Lowest and highest rate of a uniform constraint; None of the others.
    nominal_rate
        Rate that datasets are thrown with, and that constraints are centred on.
    expected_events
        Events in the analysis space that the nominal template is scaled to; None where spectrum,
        formula or file says how many there are.
    shared
        Whether the detectors of a combination share the rate of sources of this name.
    """

    rate: Rate
    rate_width: float
    rate_range: tuple[float, float] | None
    nominal_rate: float
    expected_events: float | None
    shared: bool


# Where a number of events is given in another way, the path to it.
OTHER_NORMALISATIONS = (
    ("rate_multiplier",),
    ("formula", "events"),
    ("formula", "exposure_kg_day"),
    ("spectrum", "normalisation"),
    ("template", "exposure_kg_day"),
)


def expectation(source: Mapping[str, Any], place: str) -> Expectation:
    """Put together what a source's entry of a detector file says of its events and its rate.

    Parameters
    ----------
    source
        The entry, which the schema has allowed.
    place
        What a message calls it.

    Raises
    ------
    ConfigError
        Two keys contradict each other, or a nominal rate lies outside its range.
    """
    expected, sigma = source.get("expected_events"), source.get("uncertainty")
    shared = source.get("shared", False)
    if expected is None:
        if sigma is not None:
            raise ConfigError(
                f"{place}: uncertainty: found {sigma:g} events without expected_events; allowed: "
                "with expected_events, or rate: {constraint: normal, width: …}, relative"
            )
        return _relative(source["rate"], None, shared, place)
    for path in OTHER_NORMALISATIONS:
        value: Any = source
        for key in path:
            value = value.get(key) if isinstance(value, Mapping) else None
        if value is not None:
            raise ConfigError(
                f"{place}: found expected_events ({expected:g}) and {'.'.join(path)}; allowed: one "
                "of them: both say how many events there are"
            )
    if sigma is None:
        return _relative(source["rate"], expected, shared, place)
    if "rate" in source:
        raise ConfigError(
            f"{place}: found rate ({source['rate']}) and uncertainty ({sigma:g} events); allowed: "
            "one of them: uncertainty is a normal constraint of the rate"
        )
    # A template of 0 events cannot be scaled: that of one standard deviation can.
    scale = expected or sigma
    return Expectation("normal", sigma / scale, None, expected / scale, scale, shared)


def _relative(rate: Any, expected: float | None, shared: bool, place: str) -> Expectation:
    """Give the expectation of a source without an uncertainty in events."""
    constraint = rate if isinstance(rate, Mapping) else {"constraint": rate}
    kind, width = constraint["constraint"], constraint.get("width", 0.0)
    if shared and kind == "fixed":
        raise ConfigError(f"{place}: shared: found true with rate: fixed; allowed: another rate")
    if kind == "uniform":
        return _uniform(constraint, expected, shared, place)
    if expected == 0:
        raise ConfigError(
            f"{place}: expected_events: found 0 with rate: {rate}; allowed: above 0, or 0 with "
            "uncertainty, or with constraint: uniform and range_events"
        )
    if kind != "half_normal":
        return Expectation(kind, width, None, 1.0, expected, shared)
    if expected is not None:
        raise ConfigError(
            f"{place}: found expected_events ({expected:g}) with constraint: half_normal, which "
            "expects none; allowed: expected_events: 0 with uncertainty (events)"
        )
    return Expectation("normal", width, None, 0.0, None, shared)


def _uniform(
    constraint: Mapping[str, Any], expected: float | None, shared: bool, place: str
) -> Expectation:
    key = "range" if "range" in constraint else "range_events"
    low, high = constraint[key]
    if key == "range_events" and expected is None:
        raise ConfigError(
            f"{place}: rate.range_events: found [{low}, {high}] without expected_events; allowed: "
            "with it, or range, relative to what the source holds"
        )
    if key == "range" and expected == 0:
        raise ConfigError(
            f"{place}: rate.range: found [{low}, {high}], relative to expected_events: 0; allowed: "
            "range_events"
        )
    nominal = 1.0 if key == "range" else expected
    if not low < high or not low <= nominal <= high:
        raise ConfigError(
            f"{place}: rate.{key}: found [{low}, {high}]; allowed: the lower end first, and "
            f"{'1 (the expectation)' if key == 'range' else f'expected_events ({expected:g})'} "
            "inside, at which datasets are thrown"
        )
    if key == "range":
        return Expectation("uniform", 0.0, (float(low), float(high)), 1.0, expected, shared)
    scale = expected or high
    ends = (low / scale, high / scale)
    return Expectation("uniform", 0.0, ends, (expected or 0.0) / scale, scale, shared)
