"""Why the limit on observed data is what it is, or why there is none."""

from pathlib import Path

from zeptobarn.failures.explanation import Explanation, explain_data
from zeptobarn.inference.load import load_calibrated_on, load_uncalibrated
from zeptobarn.study.slices.observed import observed_slice, observed_table_slice
from zeptobarn.study.study import Study
from zeptobarn.summary.observed_table import OBSERVED, observe, read_calibrated
from zeptobarn.support import paths
from zeptobarn.support.config import ConfigError
from zeptobarn.support.tables import ResultError, digest, read_metadata, read_parquet


def explain_observed(
    study: Study, path: str | Path, mass: str, interval: str | None = None
) -> Explanation:
    """Explain a limit on the study's observed data.

    Parameters
    ----------
    path
        A file of ``observed/``.
    mass
        Which of its masses (GeV/c²), as the configuration has it.
    interval
        Which of its limits; when not given, the first that failed, or the last.

    Raises
    ------
    ConfigError
        There is no such file, mass or interval.
    ResultError
        The file is of another study, or its events are others now.
    """
    if not Path(path).is_file():
        raise ConfigError(f"{path}: no such file; `snakemake --cores all observed` makes it")
    metadata = read_metadata(path)
    if not {"interval", "p0_asymptotic", "status"} <= set(metadata["units"]):
        raise ConfigError(f"{path}: --mass: found no observed limits; allowed: a file of observed/")
    table, _ = read_parquet(path, kind=OBSERVED)
    names = {paths.number(value): value for value in table["mass_GeV"].unique()}
    if mass not in names:
        raise ConfigError(f"{path}: --mass: found {mass}; allowed: {', '.join(names)}")
    rows = table[table["mass_GeV"] == names[mass]]
    target, interaction = rows["detector"].iloc[0], rows["interaction"].iloc[0]
    members = study.targets.get(target, ())
    if not members or any(name not in study.observed for name in members):
        raise ConfigError(
            f"{path}: of {target}, whose observed data this study does not have; name the one it "
            "was made from with --config and --overlay"
        )
    place = study, target, interaction, next(m for m in study.masses_GeV if m == names[mass])
    allowed = [observed_slice(*place), [observed_table_slice(study, target, interaction)]]
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
    row = rows[rows["interval"] == interval].iloc[0].to_dict()
    model = load_uncalibrated(study, target, place[3], interaction)
    seen = observe(model)
    file = study.model_path(paths.OBSERVED_CALIBRATION, target, interaction, place[3])
    model = read_calibrated(model, [file]) if file.is_file() else load_calibrated_on(model, seen)
    return explain_data(model, model.interval(interval), seen, row)
