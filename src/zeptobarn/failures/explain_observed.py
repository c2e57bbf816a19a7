"""Why the limit on observed data is what it is, or why there is none."""

from pathlib import Path

from zeptobarn.failures.explanation import Explanation, explain_data
from zeptobarn.inference.load import load_calibrated_on, load_uncalibrated
from zeptobarn.study.slices.observed import observed_slice, observed_table_slice
from zeptobarn.study.study import Study
from zeptobarn.summary.observed_table import observe, observed_kind, read_calibrated
from zeptobarn.support import paths
from zeptobarn.support.config import ConfigError
from zeptobarn.support.tables import ResultError, digest, read_metadata, read_parquet


def explain_observed(
    study: Study,
    path: str | Path,
    mass: str | None = None,
    interval: str | None = None,
    signal: str | None = None,
) -> Explanation:
    """Explain a limit on the study's observed data.

    Parameters
    ----------
    path
        A file of ``observed/``.
    mass, signal
        Which of its masses (GeV/c²), as the configuration has it, or which of its given signals:
        one of the two.
    interval
        Which of its limits; when not given, the first that failed, or the last.

    Raises
    ------
    ConfigError
        There is no such file, mass, signal or interval.
    ResultError
        The file is of another study, or its events are others now.
    """
    if not Path(path).is_file():
        raise ConfigError(f"{path}: no such file; `snakemake --cores all observed` makes it")
    metadata = read_metadata(path)
    option, column = ("--mass", "mass_GeV") if signal is None else ("--signal", "signal")
    if not {"interval", "p0_asymptotic", "status", column} <= set(metadata["units"]):
        other = "of WIMPs" if signal is None else "of given signals"
        raise ConfigError(
            f"{path}: {option}: found no observed limits; allowed: a file of observed/ {other}"
        )
    table, _ = read_parquet(path, kind=observed_kind(signal is not None))
    names = table[column].map(paths.number if signal is None else str)
    asked = mass if signal is None else signal
    if asked not in set(names):
        raise ConfigError(f"{path}: {option}: found {asked}; allowed: {', '.join(names.unique())}")
    rows = table[names == asked]
    target = rows["detector"].iloc[0]
    interaction = None if signal is not None else rows["interaction"].iloc[0]
    place = _place(study, interaction, mass, signal)
    members = study.targets.get(target, ())
    if place is None or not members or any(name not in study.observed for name in members):
        raise ConfigError(
            f"{path}: of {target}, for which this study has no such observed limit; name the one "
            "it was made from with --config and --overlay"
        )
    allowed = [
        observed_slice(study, target, *place),
        [observed_table_slice(study, target, interaction)],
    ]
    if metadata["config_hash"] not in map(digest, allowed):
        raise ResultError(
            f"{path}: made from another configuration or other events than this study's; run "
            "`snakemake --cores all observed` again"
        )
    failed = rows[rows["limit_rate_multiplier"].isna()]
    interval = interval or str((failed if len(failed) else rows.tail(1))["interval"].iloc[0])
    if interval not in list(rows["interval"]):
        allowed_names = ", ".join(rows["interval"])
        raise ConfigError(f"{path}: no interval {interval!r}; allowed: {allowed_names}")
    chosen = rows[rows["interval"] == interval].iloc[0]
    row = {str(name): value for name, value in chosen.items()}
    model = load_uncalibrated(study, target, place[1], place[0], signal)
    seen = observe(model)
    file = study.model_path(paths.OBSERVED_CALIBRATION, target, *place)
    model = read_calibrated(model, [file]) if file.is_file() else load_calibrated_on(model, seen)
    return explain_data(model, model.interval(interval), seen, row)


def _place(
    study: Study, interaction: str | None, mass: str | None, signal: str | None
) -> tuple[str, float | None] | None:
    """Give interaction and mass of a study's WIMP, or name and None; None if it has no such."""
    for name, value in study.places_of(interaction):
        if (name == signal) if value is None else (paths.number(value) == mass):
            return name, value
    return None
