"""What limits claim, in words: statistic, confidence level, critical values, nuisances, halo.

Tables, messages, captions and figures take their words from here; figures set the letters in
them as mathematics (`zeptobarn.figures.style.symbols`).
"""

from collections.abc import Iterable, Sequence
from typing import Any

from zeptobarn.physics.halo import HALOS
from zeptobarn.study.settings import Interval
from zeptobarn.study.study import Study
from zeptobarn.study.variation import nominal_interval


def statistic(interval: Interval) -> str:
    """Name an interval's kind and its test statistic.

    Examples
    --------
    >>> statistic(Interval("a", {}, (), "unified")), statistic(Interval("b", {}, (), cls=True))
    ('unified interval (t̃)', 'CLs upper limit (q̃)')
    """
    if interval.kind == "upper":
        return "CLs upper limit (q̃)" if interval.cls else "upper limit (q̃)"
    return f"{interval.kind} interval (t̃)"


def upper_end(interval: Interval) -> str:
    """Name what an interval has as its largest cross section: only some are upper limits.

    Examples
    --------
    >>> upper_end(Interval("a", {}, ())), upper_end(Interval("b", {}, (), "unified"))
    ('upper limit (q̃)', 'upper end of the unified interval (t̃)')
    """
    name = statistic(interval)
    return name if interval.kind == "upper" else f"upper end of the {name}"


def treatment(interval: Interval) -> str:
    """Say which shape parameters an interval holds, and where, and which it profiles.

    Background rates are not listed: each is fixed, free or constrained as its detector says,
    and the same in all intervals.

    Examples
    --------
    >>> treatment(Interval("profiled", {"leff": -2, "g1": 0}, ("electron_lifetime_us",)))
    'g1 nominal, Leff at −2σ, electron lifetime us profiled'
    """
    groups: dict[str, list[str]] = {}
    for name, value in sorted(interval.fixed.items(), key=lambda item: abs(item[1])):
        where = f"at {value:+g}σ".replace("-", "−") if value else "nominal"
        groups.setdefault(where, []).append(parameter(name))
    if interval.profiled:
        groups["profiled"] = [parameter(name) for name in interval.profiled]
    text = ", ".join(f"{_listed(names)} {how}" for how, names in groups.items())
    return text or "no shape parameters"


def parameter(name: str) -> str:
    """Name a shape parameter.

    Examples
    --------
    >>> parameter("leff"), parameter("er_component_1")
    ('Leff', 'er component 1')
    """
    return "Leff" if name == "leff" else name.replace("_", " ")


def counted(number: float, things: str, form: str = "") -> str:
    """Write a number of things.

    Examples
    --------
    >>> counted(0, "events"), counted(1, "observed events"), counted(1.0001, "events", ".3g")
    ('0 events', '1 observed event', '1 event')
    """
    written = f"{number:{form}}"
    return f"{written} {things.removesuffix('s') if written == '1' else things}"


def claim(interval: Interval) -> str:
    """Name an interval by its statistic and its nuisances, and not by its name.

    Examples
    --------
    >>> claim(Interval("profiled", {}, ("leff", "g1")))
    'upper limit (q̃), Leff and g1 profiled'
    """
    return f"{statistic(interval)}, {treatment(interval)}"


def apart(intervals: Sequence[Interval]) -> tuple[str, list[str]]:
    """Say what the upper ends of several intervals are, and what sets each interval apart.

    Examples
    --------
    >>> apart([Interval("a", {"leff": 0}, ()), Interval("b", {}, ("leff",))])
    ('upper limit (q̃)', ['Leff nominal', 'Leff profiled'])
    """
    ends = {upper_end(interval) for interval in intervals}
    if len(ends) == 1:
        return ends.pop(), [treatment(interval) for interval in intervals]
    return "upper ends of the intervals", [claim(interval) for interval in intervals]


def origin(interval: Interval, critical_values: str) -> str:
    """Say where an interval's critical values come from: ``toys`` or ``asymptotic``.

    Those of central intervals are asymptotic whatever the study asks for.
    """
    return "asymptotic" if interval.kind == "central" else critical_values


def level(confidence_level: float, origins: Iterable[str] = ("asymptotic",)) -> str:
    """Write a confidence level with where its critical values come from.

    With asymptotic ones it is nominal: with few events, less of the intervals hold the truth.

    Examples
    --------
    >>> level(0.9), level(0.95, ["toys"])
    ('nominal 90 % CL, asymptotic', '95 % CL, calibrated with toys')
    """
    number, kinds = f"{100 * confidence_level:g} % CL", set(origins)
    if kinds == {"asymptotic"}:
        return f"nominal {number}, asymptotic"
    mixed = " (central: nominal, asymptotic)" if "asymptotic" in kinds else ""
    return f"{number}, calibrated with toys{mixed}"


def study_level(study: Study, intervals: Iterable[Interval] | None = None) -> str:
    """Write a study's confidence level, for all of its intervals or some; see `level`."""
    chosen = study.intervals if intervals is None else intervals
    return level(study.confidence_level, (origin(i, study.critical_values) for i in chosen))


def halo(study: Study) -> str:
    """Name a study's halo by the speed that sets it.

    Conventions differ in nothing else (see `zeptobarn.physics.halo.HALOS`).
    """
    return speed(HALOS[study.halo].v0_km_s)


def speed(v0_km_s: float) -> str:
    """Write the speed of the local standard of rest.

    Examples
    --------
    >>> speed(238)
    'v₀ = 238 km/s'
    """
    return f"v₀ = {v0_km_s:g} km/s"


def conditions(
    study: Study, intervals: Iterable[Interval] | None = None, given: bool = False
) -> str:
    """Write confidence level, critical values and halo of a study: the end of a title.

    Parameters
    ----------
    given
        Whether it is of given signals, which no halo makes.
    """
    level_ = study_level(study, intervals)
    return level_ if given else f"{level_}; {halo(study)}"


def full_claim(study: Study, interval: Interval, given: bool = False) -> str:
    """Write all that one of a study's intervals claims; see `conditions`."""
    return f"{claim(interval)}; {conditions(study, [interval], given)}"


def nominal_claim(study: Study) -> str:
    """Write what asymptotic upper limits with all shape parameters nominal claim."""
    interval = nominal_interval(study)
    return f"{claim(interval)}; {level(study.confidence_level)}; {halo(study)}"


def list_intervals(study: Study, given: bool = False) -> str:
    """Say in a caption what each interval of a study is, and the halo; see `conditions`."""
    names = "; ".join(f"{interval.name}: {claim(interval)}" for interval in study.intervals)
    return f"Intervals: {names}." + ("" if given else f" Halo: {halo(study)}.")


def caption(study: Study, given: bool = False) -> str:
    """Say in a caption what a study's limits claim; see `conditions`."""
    text = f"{list_intervals(study, given)} Level: {study_level(study)}."
    if any(origin(i, study.critical_values) == "asymptotic" for i in study.intervals):
        text += (
            " Asymptotic intervals hold the truth less often than their level says where a few"
            " events decide."
        )
    return text


def table_words(study: Study) -> dict[str, Any]:
    """Give the words that a printed table needs, for the metadata of its file.

    Returns
    -------
    ``quantity`` and ``heads`` (by interval; see `apart`), ``claims`` (by interval; see `claim`) and
    ``conditions``.
    """
    quantity, heads = apart(study.intervals)
    names = [interval.name for interval in study.intervals]
    return {
        "quantity": quantity,
        "heads": dict(zip(names, heads, strict=True)),
        "claims": {interval.name: claim(interval) for interval in study.intervals},
        "conditions": conditions(study),
    }


def signals_words(study: Study) -> dict[str, Any]:
    """Give the words of `table_words` for given signals, which no halo makes, and ``labels``."""
    return {
        **table_words(study),
        "conditions": conditions(study, given=True),
        "labels": {signal.name: signal.label for signal in study.given_signals},
    }


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1])] * (len(names) > 1) + [names[-1]])
