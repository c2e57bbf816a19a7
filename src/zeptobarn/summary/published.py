"""Published limits: tables of what others found, drawn beside a study's own."""

from pathlib import Path

import pandas as pd

from zeptobarn.support.config import ConfigError
from zeptobarn.support.inputs import check_columns, numbers, read_table, refuse_rows
from zeptobarn.support.mathtext import unreadable

KINDS = ("limit", "median_sensitivity")
# Masses stand in place of cross sections, or another unit, from here on: a nucleus has 1e-24 cm².
_LARGEST_CM2 = 1e-20


def read_published(path: str | Path) -> pd.DataFrame:
    """Read a table of published limits, a row for each mass of a curve.

    Its columns are ``label`` (of the curve), ``interaction``, ``mass_GeV`` (GeV/c²),
    ``cross_section_cm2`` and ``kind`` (one of `KINDS`). Two more go into a curve's legend and may
    be missing: ``statistic``, in words, and ``v0_km_s``, the speed that sets the halo. There may
    be others, like ``source``.

    Raises
    ------
    ConfigError
        A column or all rows are missing, a kind is unknown, a text cannot be drawn, a mass, cross
        section or speed is not above 0, or a cross section is none in cm²; the message names the
        row. See `zeptobarn.support.inputs.read_table`, too.
    """
    table = read_table(path)
    check_columns(
        table, ["label", "interaction", "mass_GeV", "cross_section_cm2", "kind"], str(path)
    )
    if table.empty:
        raise ConfigError(f"{path}: found no rows; allowed: at least 1")
    speed = [name for name in ("v0_km_s",) if name in table.columns]
    values = numbers(table, ["mass_GeV", "cross_section_cm2", *speed], str(path))
    refuse_rows(values, (values.min(axis=1) <= 0).to_numpy(), str(path), "numbers above 0")
    for key in ("label", "statistic"):
        for text in table[key].dropna().unique() if key in table.columns else ():
            if reason := unreadable(str(text)):
                raise ConfigError(f"{path}: {key}: found {str(text)!r}: {reason}")
    large = values["cross_section_cm2"].to_numpy() >= _LARGEST_CM2
    refuse_rows(values, large, str(path), f"cross sections in cm², below {_LARGEST_CM2:g}")
    unknown = ~table["kind"].isin(KINDS).to_numpy()
    refuse_rows(table[["kind"]], unknown, str(path), ", ".join(KINDS))
    return table.assign(**{str(name): column for name, column in values.items()})
