"""What can become of an interval, and what to do about it."""

from enum import IntEnum


class Status(IntEnum):
    """What became of an interval; those before ``no_crossing`` come with one."""

    ok = 0
    background_rate_zero = 1
    at_boundary = 2
    multiple_crossings = 3
    all_signals_excluded = 4
    no_crossing = 5
    empty_template = 6
    zero_density_event = 7
    critical_value_zero = 8
    not_converged = 9


MESSAGES = {
    Status.ok: "",
    Status.background_rate_zero: "a background whose rate is free is best at a rate of 0, as with "
    "few events or none: the limit is right",
    Status.at_boundary: "a shape parameter ends at its outermost anchor, beyond which nothing is "
    "looked at",
    Status.multiple_crossings: "the statistic crosses the critical value more than once; the "
    "outermost crossing is the limit",
    Status.all_signals_excluded: "the data have fewer events like the signal than the background "
    "alone would leave in nine of ten datasets: every signal that was tested is excluded, and "
    "the limit is the smallest of them; a unified interval does not do that",
    Status.no_crossing: "the statistic stays below the critical value up to the end of the "
    "search: raise search_bound_rate_multiplier, or the calibration's largest expected_events",
    Status.empty_template: "the signal expects no event in the analysis space",
    Status.zero_density_event: "no source has a density at event {event} of {detector} in the "
    "analysis space (the first is 0): a background is missing, or a template has holes",
    Status.critical_value_zero: "the critical value of a one-sided limit is 0 at this confidence "
    "level: use one above 0.5",
    Status.not_converged: "the fit or the search for the crossing did not converge: look for "
    "values in the templates that are not finite",
}
