"""What can become of an interval: the one place that says what each status means.

Examples
--------
>>> Status.at_boundary.has_limit, Status.no_crossing.has_limit
(True, False)
>>> Status["critical_value_zero"].cure
'Use a confidence level above 0.5.'
"""

from enum import IntEnum


class Status(IntEnum):
    """What became of an interval: a code, whether there is a limit, and words.

    Attributes
    ----------
    has_limit
        Whether it comes with a limit.
    message
        What stands beside the limit, or in its place; ``{event}``, what the event is called, and
        ``{detector}`` are filled in.
    cause, cure
        Why this happens, and what to do about it, in sentences.
    """

    has_limit: bool
    message: str
    cause: str
    cure: str

    def __new__(
        cls, code: int, has_limit: bool = False, message: str = "", cause: str = "", cure: str = ""
    ) -> "Status":
        """Make a member whose value is its code."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.has_limit, member.message = has_limit, message
        member.cause, member.cure = cause, cure
        return member

    ok = (
        0,
        True,
        "",
        "The statistic rises through the critical value once: that is the limit.",
        "Nothing to do.",
    )
    background_rate_zero = (
        1,
        True,
        "a background whose rate is free is best at a rate of 0, as with few events or none: the "
        "limit is right",
        "There is a limit. A free background explains no event here, at the best fit or at the "
        "limit, and its rate is best at 0.",
        "Nothing to do.",
    )
    rate_at_range_end = (
        2,
        True,
        "a rate that is known to lie in a range is best at an end of it, where it is meant to end: "
        "the limit is right",
        "There is a limit. A background whose rate is uniform in a range is best at an end of that "
        "range, at the best fit or at the limit: the data would have it beyond, and the range says "
        "that it is not.",
        "Nothing, if the range holds all that is allowed.",
    )
    at_boundary = (
        3,
        True,
        "a shape parameter ends at its outermost anchor, beyond which nothing is looked at",
        "There is a limit, but a shape parameter ends at its outermost anchor, where the fit might"
        " have gone further.",
        "Nothing, while such trials are rare: of a thousand constraint centres that are redrawn, "
        "three pass ±3. Where many trials end there, or observed data, they ask for more than the"
        " shape can give.",
    )
    multiple_crossings = (
        4,
        True,
        "the statistic crosses the critical value more than once; the outermost crossing is the "
        "limit",
        "The statistic crosses the critical value more than once: signals between two crossings "
        "are excluded, those beyond are not. The outermost one is the limit.",
        "Look at the curve. Noise in templates does this: make them by quadrature, or simulate "
        "more.",
    )
    all_signals_excluded = (
        5,
        True,
        "the data have fewer events like the signal than the background alone would leave in nine"
        " of ten datasets: every signal that was tested is excluded, and the limit is the "
        "smallest of them; a unified interval does not do that",
        "There are fewer events like the signal than nearly all datasets without a signal have: "
        "the statistic of every signal that was tested lies above its critical value, and the "
        "limit is the smallest of these signals.",
        "Report a unified interval, which never excludes all signals, or a power-constrained "
        "limit.",
    )
    no_crossing = (
        6,
        False,
        "the statistic stays below the critical value up to the end of the search: raise "
        "search_bound_rate_multiplier, or the calibration's largest expected_events",
        "The statistic stays below the critical value up to the largest signal that was tried: "
        "none of these signals is excluded.",
        "Raise the bound: search_bound_rate_multiplier, the largest of "
        "calibration.expected_events, or the bracket of a conventional search.",
    )
    empty_template = (
        7,
        False,
        "the signal expects no event in the analysis space",
        "The signal expects no event in the analysis space: the likelihood does not depend on it,"
        " and no data can exclude it. (In the failure study: none of the sampled recoils passed "
        "the cuts, at one anchor or more; nothing is known of the signal there.)",
        "Make the template by recoil energy (response), not by sampling the spectrum; sample more"
        " recoils; or accept that this detector does not see this signal.",
    )
    zero_density_event = (
        8,
        False,
        "no source has a density at {event} of {detector}: a background is missing, or a template "
        "has holes",
        "An event lies where no source expects anything: its likelihood is zero whatever the "
        "signal, and nothing can be compared.",
        "Look at the event: a background is missing, a template has holes (zeptobarn lint), or "
        "the event should have been cut; below the smallest cS2 that passes the S2 threshold "
        "anywhere, its corrections are not the detector's.",
    )
    critical_value_zero = (
        9,
        False,
        "the critical value of a one-sided limit is 0 at this confidence level: use one above 0.5",
        "At this confidence level a one-sided limit has the critical value 0: it would be the "
        "best fit itself.",
        "Use a confidence level above 0.5.",
    )
    not_converged = (
        10,
        False,
        "the fit or the search for the crossing did not converge: look for values in the "
        "templates that are not finite",
        "The fit or the search for the crossing did not end, as a rule since values in the "
        "templates are not finite.",
        "Look for values in the templates that are negative or not finite, and make them again.",
    )


# Names of the statuses that come with a limit.
WITH_LIMIT = tuple(status.name for status in Status if status.has_limit)


def table() -> str:
    """All statuses as a Markdown table; docs/statistics.md holds it."""
    lines = ["| status | limit | cause | what to do |", "| --- | --- | --- | --- |"]
    for status in Status:
        limit = "yes" if status.has_limit else "no"
        lines.append(f"| `{status.name}` | {limit} | {status.cause} | {status.cure} |")
    return "\n".join(lines)
