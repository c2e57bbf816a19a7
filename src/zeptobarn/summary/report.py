"""Tables of the report: HTML pages that sort by any column and need no network."""

from collections.abc import Iterable, Mapping
from html import escape
from itertools import product
from math import isfinite
from pathlib import Path
from typing import Any

import pandas as pd

from zeptobarn.study.slices.summary import sensitivity_slice
from zeptobarn.study.study import Study
from zeptobarn.summary.summary import limit_chunks
from zeptobarn.support import exports
from zeptobarn.support.paths import number
from zeptobarn.support.tables import read_parquet, whole, write_parquet

_OUTCOME_UNITS = {
    "detector": "",
    "interaction": "",
    "mass_GeV": "GeV/c²",
    "interval": "",
    "status": "",
    "n_trials": "",
    "message": "",
}

_STYLE = """
body { font: 12px/1.4 system-ui, sans-serif; margin: 3em 1.2em; color: #222; }
h1 { font-size: 1.5em; margin: 0; }
p { max-width: 60em; }
table { border-collapse: collapse; }
th, td { padding: 0.25em 0.5em; text-align: left; vertical-align: top; }
th { position: sticky; top: 0; background: #e8eef2; vertical-align: bottom; }
th button { all: unset; cursor: pointer; font-weight: 600; }
th button:focus-visible { outline: 2px solid #0072b2; }
th small { display: block; font-weight: 400; }
th button::after { content: " ↕"; color: #99a; }
th[aria-sort=ascending] button::after { content: " ▲"; color: #0072b2; }
th[aria-sort=descending] button::after { content: " ▼"; color: #0072b2; }
td { border-top: 1px solid #dde3e8; min-width: 3em; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
tbody tr:hover { background: #f4f7f9; }
"""

# A cell's data-value is what it sorts by; cells without one, the missing, stay last.
_SCRIPT = """
for (const button of document.querySelectorAll("th button")) {
  button.onclick = () => {
    const header = button.parentNode, body = document.querySelector("tbody");
    const value = (row) => row.cells[header.cellIndex].dataset.value;
    const numbers = header.className === "number";
    const order = (a, b) => numbers ? a - b : a.localeCompare(b);
    const sign = header.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    const rows = [...body.rows], known = rows.filter((row) => value(row) !== undefined);
    known.sort((a, b) => sign * order(value(a), value(b)));
    body.append(...known, ...rows.filter((row) => value(row) === undefined));
    for (const other of header.parentNode.cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
  };
}
"""


def write_table(
    table: pd.DataFrame, units: Mapping[str, str], title: str, caption: str, path: str | Path
) -> None:
    """Write a table as an HTML page of its own; a click on a column's name sorts by it.

    Parameters
    ----------
    units
        Unit of each column (``""`` for pure numbers and names).
    title, caption
        Plain text above the table.
    path
        Target, written whole or not at all.
    """
    types = pd.api.types
    numeric = {
        name: types.is_numeric_dtype(kind) and not types.is_bool_dtype(kind)
        for name, kind in table.dtypes.items()
    }
    head = "".join(_header(str(name), units[name], numeric[name]) for name in table.columns)
    rows = (
        "<tr>" + "".join(map(_cell, row, numeric.values())) + "</tr>"
        for row in table.itertuples(index=False)
    )
    page = "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>",
            f"<h1>{escape(title)}</h1>\n<p>{escape(caption)}</p>",
            f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>",
            *rows,
            f"</tbody>\n</table>\n<script>{_SCRIPT}</script>\n</body>\n</html>\n",
        ]
    )
    with whole(path) as temporary:
        Path(temporary).write_text(page, encoding="utf-8")
        exports.note(path, temporary)


def show(value: Any) -> str:
    """Write a value of a table as text.

    Examples
    --------
    >>> show(50.0), show(0.25), show(1.63648e-46), show(float("nan")), show("at_boundary")
    ('50', '0.25', '1.636e-46', '–', 'at_boundary')
    """
    if pd.isna(value):
        return "–"
    if not isinstance(value, float):
        return str(value)
    if not isfinite(value):
        return "∞" if value > 0 else "−∞"
    if value.is_integer() and abs(value) < 1e6:
        return number(value)
    return f"{value:.4g}" if 1e-3 <= abs(value) < 1e4 else f"{value:.3e}"


def count_outcomes(limits: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Count what became of the trials.

    Parameters
    ----------
    limits
        Rows of `zeptobarn.inference.model.Model.limits`, some after others.

    Returns
    -------
    A row per detector, interaction, mass, interval and status, in order of appearance, with
    ``n_trials`` and the ``message`` of the first of these trials.
    """
    keys = [name for name in _OUTCOME_UNITS if name not in ("n_trials", "message")]
    counts = [
        chunk.groupby(keys, sort=False)["message"].agg(n_trials="size", message="first")
        for chunk in limits
    ]
    groups = pd.concat(counts).groupby(keys, sort=False)
    columns = {"n_trials": groups["n_trials"].sum(), "message": groups["message"].first()}
    return pd.DataFrame(columns).reset_index()[list(_OUTCOME_UNITS)]


def outcomes_slice(study: Study) -> dict[str, Any]:
    """Give the configuration that the outcomes depend on: the trials, and that of each limit."""
    return {
        "trials": [study.first_trial, study.trials],
        "limits": {target: sensitivity_slice(study, target)["limits"] for target in study.targets},
    }


def write_outcomes(study: Study, path: str | Path) -> None:
    """Count what became of a study's trials, into a Parquet file."""
    columns = [name for name in _OUTCOME_UNITS if name != "n_trials"]
    counts = [
        count_outcomes(limit_chunks(study, *place, columns))
        for place in product(study.targets, study.interactions, study.masses_GeV)
    ]
    write_parquet(
        pd.concat(counts, ignore_index=True),
        path,
        units=_OUTCOME_UNITS,
        config_slice=outcomes_slice(study),
        seed=study.seed,
    )


def write_page(parquet_path: str | Path, title: str, caption: str, path: str | Path) -> None:
    """Write a result file's table as `write_table` does."""
    table, metadata = read_parquet(parquet_path)
    write_table(table, metadata["units"], title, caption, path)


def _header(name: str, unit: str, numeric: bool) -> str:
    kind = ' class="number"' if numeric else ""
    # The unit stands beside the name, so it need not end it.
    name = name.removesuffix("_" + unit.split("/")[0].replace("²", "2"))
    text = escape(name).replace("_", "_<wbr>")
    if unit:
        text += f" <small>[{escape(unit)}]</small>"
    return f'<th{kind} scope="col"><button>{text}</button></th>'


def _cell(value: Any, numeric: bool) -> str:
    kind = ' class="number"' if numeric else ""
    known = "" if pd.isna(value) else f' data-value="{escape(_key(value))}"'
    return f"<td{kind}{known}>{escape(show(value))}</td>"


def _key(value: Any) -> str:
    """Write a value so that JavaScript reads the same number."""
    return str(value).replace("inf", "Infinity") if isinstance(value, float) else str(value)
