"""Every file-name pattern of the results folder, for rules and notebooks alike.

Patterns keep their wildcards in braces; `fill` puts values in. Masses print as in the
configuration (``7``, ``6.5``).

Examples
--------
>>> fill(TEMPLATE, detector="lz", source=wimp_source("SI", 50))
'templates/lz/wimp_SI_50GeV.parquet'
>>> anchor_name({}), anchor_name({"leff": -2})
('nominal', 'leff_-2')
>>> batches(range(1, 26), per_batch=10)
['1-10', '11-20', '21-25']
"""

from collections.abc import Mapping

SPECTRUM = "spectra/{spectrum}.parquet"
SPECTRUM_CSV = "spectra/{spectrum}.csv"
RESPONSE = "response/{detector}/{recoil}/{anchor}.parquet"
TEMPLATE = "templates/{detector}/{source}.parquet"
TOYS = "toys/{detector}/{batch}.parquet"
TRUTH = "toys/{detector}/{batch}.truth.parquet"
# Thrown at other values of the shape parameters than 0, which name them like an anchor.
TOYS_AT = "toys/{detector}/{at}/{batch}.parquet"
TRUTH_AT = "toys/{detector}/{at}/{batch}.truth.parquet"
# The signal is SI/50GeV of a WIMP, and the name of one that was given.
CALIBRATION = "calibration/{target}/{signal}.parquet"
LIMITS = "limits/{target}/{signal}/{batch}.parquet"
OBSERVED_MASS = "observed/{target}/{signal}.parquet"
OBSERVED_CALIBRATION = "observed/{target}/{signal}.calibration.parquet"
# The events, or the nuisances, of the limit on a signal.
OBSERVED_DETAIL = "observed/{target}/{signal}.{detail}.{suffix}"
OBSERVED = "observed/{target}/{interaction}.{suffix}"
OBSERVED_SIGNALS = "observed/{target}.signals.{suffix}"
COVERAGE = "coverage/{target}/{signal}.parquet"
FAILURES = "failures/{scan}/{detector}.parquet"
SENSITIVITY = "sensitivity/{target}.parquet"
SIGNALS_SENSITIVITY = "sensitivity/{target}.signals.parquet"
DEPENDENCE = "dependence/{detector}.parquet"
SUMMARY = "summary/limits.{suffix}"
SIGNALS_SUMMARY = "summary/signals.{suffix}"
TABLE = "summary/{table}.{suffix}"
FIGURE = "figures/{figure}.{suffix}"

FIGURE_SUFFIXES = ("pdf", "png")


def fill(pattern: str, **values: object) -> str:
    """Put values into a pattern."""
    return pattern.format(**values)


def number(value: float) -> str:
    """Print a number as it stands in the configuration.

    Examples
    --------
    >>> number(7), number(7.0), number(6.5), number(-2)
    ('7', '7', '6.5', '-2')
    """
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def wimp_source(interaction: str, mass_GeV: float) -> str:
    """Name the signal source, and its spectrum, of a mass (GeV/c²) and an interaction."""
    return f"wimp_{interaction}_{number(mass_GeV)}GeV"


def anchor_name(shape_values: Mapping[str, float]) -> str:
    """Name an anchor by its shape parameters, in the order of the configuration."""
    parts = [f"{name}_{number(value)}" for name, value in shape_values.items()]
    return "__".join(parts) or "nominal"


def batches(trials: range, per_batch: int) -> list[str]:
    """List the batches ``{first}-{last}`` that trials fall into."""
    parts = (trials[i : i + per_batch] for i in range(0, len(trials), per_batch))
    return [f"{part[0]}-{part[-1]}" for part in parts]


def batch_trials(batch: str) -> range:
    """Give the trials of a batch.

    Examples
    --------
    >>> batch_trials("11-13")
    range(11, 14)
    """
    first, last = batch.split("-")
    return range(int(first), int(last) + 1)
