"""Result files that break what their kind must hold, with hashes that are right again.

As a faulty writer would leave them, or a file that was made by hand. Each file is put in the place
of a good one in a copy of a study's results, and read as the workflow reads it.
"""

import dataclasses
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from zeptobarn.inference.load import read_model
from zeptobarn.study.study import Study
from zeptobarn.summary.reading import read_sensitivity, read_summary
from zeptobarn.summary.summary import read_limits
from zeptobarn.support import paths
from zeptobarn.support.config import ConfigError
from zeptobarn.support.content import Contents
from zeptobarn.support.tables import ResultError
from zeptobarn.templates.response import read_response
from zeptobarn.templates.spectra import read_result
from zeptobarn.templates.templates import read_template
from zeptobarn.templates.toys import read_toys

# Values that no column of numbers may have, by what they are called.
FLOATS = "whole numbers as floats"
_VALUES = {"NaN": np.nan, "negative": -1.0, "infinite": np.inf}


def rewrite(file: Path, table: pd.DataFrame) -> None:
    """Put other rows into a result file, whose hashes are then theirs."""
    good = pq.read_table(file)
    metadata = json.loads(good.schema.metadata[b"zeptobarn"])
    del metadata["content"]
    arrow = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)
    contents = Contents()
    contents.add(arrow)
    metadata["content"] = contents.description(metadata)
    coded = json.dumps(metadata, sort_keys=True).encode()
    pq.write_table(arrow.replace_schema_metadata({b"zeptobarn": coded}), file)


def breaks(table: pd.DataFrame, value: str) -> dict[str, pd.DataFrame]:
    """Give what may have become of a table, by what happened to it.

    Parameters
    ----------
    value
        A column of numbers, none of which may be missing, negative or infinite.
    """
    middle = len(table) // 2
    # Of a sparse table, a row without a number would not be missed.
    row = int(np.argmax(table[value].to_numpy()))
    broken = {
        "a row missing": table.drop(index=row),
        "a row twice": pd.concat([table, table[row : row + 1]]),
        "half of the rows": table[:middle],
        "no row": table[:0],
        "rows reversed": table[::-1],
    }
    for name, number in _VALUES.items():
        other = table.copy()
        other[value] = other[value].astype(float)
        other.loc[row, value] = number
        broken[f"{value} {name}"] = other
    broken[f"{value} as text"] = table.astype({value: str})
    whole = table.select_dtypes("integer").columns
    broken[FLOATS] = table.astype(dict.fromkeys(whole, float))
    return {name: other.reset_index(drop=True) for name, other in broken.items()}


# By the folder of a kind of file: a column of numbers, and what may happen to it unnoticed, since
# it changes nothing (the order of rows that have an address), or makes another possible curve.
KINDS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "spectra": ("rate_per_kg_day_keV", ("a row missing", "half of the rows")),
    "response": ("probability", ("rows reversed",)),
    "templates": ("expected_events", ()),
    "toys": ("cs1", ()),
    "toys, truth": ("n_events", ()),
    "limits": ("limit_cm2", ("rows reversed",)),
    "sensitivity": ("asimov_cm2", ("rows reversed", "asimov_cm2 NaN", "asimov_cm2 infinite")),
    "summary": ("median_cm2", ("rows reversed", "median_cm2 NaN", "median_cm2 infinite")),
}


def file_kind(file: Path, results: Path) -> str:
    """Name the kind of a result file."""
    folder = file.relative_to(results).parts[0]
    return f"{folder}, truth" if file.name.endswith(".truth.parquet") else folder


def reader(study: Study, file: Path) -> Callable[[], Any]:
    """Give what reads a result file of a study, as the workflow's jobs do."""
    first, *parts = file.relative_to(study.results).parts
    name = file.name.split(".")[0]
    match first, parts:
        case "spectra", _:
            return lambda: read_result(study, file.stem, file)
        case "response", [detector, recoil, _]:
            return lambda: read_response(study, detector, recoil, file.stem, file)
        case "templates", [detector, _]:
            return lambda: read_template(study, detector, file.stem, file)
        case "toys", [detector, *at, _]:
            truth = file.with_name(f"{name}.truth.parquet")
            events, values = file.with_name(f"{name}.parquet"), study.truths[(at or ["nominal"])[0]]
            return lambda: list(read_toys(study, detector, events, truth, values))
        case "limits", [target, interaction, mass, _]:
            place = target, interaction, study.mass_GeV(mass.removesuffix("GeV"))
            return lambda: read_limits(study, *place)
        case "calibration", [target, interaction, mass]:
            place = target, study.mass_GeV(mass.split("GeV")[0]), interaction
            sources = study.model_sources(target, interaction, place[1])
            files = [study.path(paths.TEMPLATE, detector=d, source=s) for d, s in sources]
            return lambda: read_model(study, *place, files, file)
        case "sensitivity", _:
            return lambda: read_sensitivity(study, file.stem)
        case _:
            return lambda: read_summary(study, file)


def copied(study: Study, folder: Path) -> Study:
    """Copy a study's results, and give the study with the copy."""
    shutil.copytree(study.results, folder)
    return dataclasses.replace(study, results=folder)


def outcomes(study: Study) -> dict[str, dict[str, str]]:
    """Break a file of each kind in each way; say what reading it gave, by kind and break.

    Parameters
    ----------
    study
        Its results are changed, and put back as they were.

    Returns
    -------
    ``refused``; ``harmless``, of what changes nothing that the hashes would not know;
    ``silent``; or what else was raised.
    """
    found: dict[str, dict[str, str]] = {}
    for file in sorted(study.results.rglob("*.parquet")):
        kind = file_kind(file, study.results)
        if kind not in KINDS or kind in found or file.stem in ("outcomes", "failures"):
            continue
        value, harmless = KINDS[kind]
        good, read = file.read_bytes(), reader(study, file)
        read()
        found[kind] = {}
        for name, table in breaks(pd.read_parquet(file), value).items():
            rewrite(file, table)
            ended = said(read, file.name.split(".")[0])
            unseen = ended == "silent" and name in (*harmless, FLOATS)
            found[kind][name] = "harmless" if unseen else ended
            file.write_bytes(good)
    return found


def said(read: Callable[[], Any], named: str) -> str:
    """Say what became of a reading: ``refused``, ``silent``, or what else was raised."""
    try:
        read()
    except (ConfigError, ResultError) as error:
        return "refused" if named in str(error) else f"badly refused: {error}"
    except Exception as error:
        return f"traceback: {type(error).__name__}: {error}"
    return "silent"
