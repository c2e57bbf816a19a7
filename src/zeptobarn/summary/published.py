"""Published limits: tables of what others found, drawn beside a study's own."""

from pathlib import Path

import pandas as pd

from zeptobarn.support.config import ConfigError
from zeptobarn.support.mathtext import unreadable
from zeptobarn.support.tables import numbers, read_csv, refuse_rows

KINDS = ("limit", "median_sensitivity")


def read_published(path: str | Path) -> pd.DataFrame:
    """Read a table of published limits, a row for each mass of a curve.

    Its columns are ``label`` (of the curve), ``interaction``, ``mass_GeV`` (GeV/c²),
    ``cross_section_cm2`` and ``kind`` (one of `KINDS`). Two more go into a curve's legend and may
    be missing: ``statistic``, in words, and ``v0_km_s``, the speed that sets the halo. There may
    be others, like ``source``.

    Raises
    ------
    ConfigError
        A column is missing, a kind is unknown, a text cannot be drawn, or a mass, cross section
        or speed is not above 0; the message names the row. See
        `zeptobarn.support.tables.read_csv`, too.
    """
    table = read_csv(path)
    needed = ["label", "interaction", "mass_GeV", "cross_section_cm2", "kind"]
    if missing := [name for name in needed if name not in table.columns]:
        raise ConfigError(
            f"{path}: found columns {', '.join(table.columns)}; missing: {', '.join(missing)}"
        )
    speed = [name for name in ("v0_km_s",) if name in table.columns]
    values = numbers(table, ["mass_GeV", "cross_section_cm2", *speed], str(path))
    refuse_rows(values, (values.min(axis=1) <= 0).to_numpy(), str(path), "numbers above 0")
    for key in ("label", "statistic"):
        for text in table[key].dropna().unique() if key in table.columns else ():
            if reason := unreadable(str(text)):
                raise ConfigError(f"{path}: {key}: found {str(text)!r}: {reason}")
    unknown = ~table["kind"].isin(KINDS).to_numpy()
    refuse_rows(table[["kind"]], unknown, str(path), ", ".join(KINDS))
    return table.assign(**{str(name): column for name, column in values.items()})
