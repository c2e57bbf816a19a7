"""Faults that were once measured to go wrong silently, or with a traceback, run again.

Each is a result file that was damaged or falsely written. It is tried twice: with the hashes that
it had, as after a fault of a disk or in the hands of another program, and with hashes that are
right again, as from a faulty writer.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from hostile.structure import reader, rewrite, said
from zeptobarn.inference.load import read_model
from zeptobarn.inference.results import write_calibration
from zeptobarn.study.loading import check_plan, load_study
from zeptobarn.study.slices.response import response_slice
from zeptobarn.study.study import Study
from zeptobarn.support import paths
from zeptobarn.support.verify import set_aside

Change = Callable[[pd.DataFrame], pd.DataFrame]


def _with(column: str, value: float) -> Change:
    """Put a value into the row of the largest one."""

    def change(table: pd.DataFrame) -> pd.DataFrame:
        changed = table.astype({column: float})
        changed.loc[int(np.argmax(changed[column])), column] = value
        return changed

    return change


# Fault, a pattern of the files it is tried with (the first), and what becomes of the table.
FAULTS: tuple[tuple[str, str, Change], ...] = (
    ("a response lacks a row", "response/*/*/*", lambda t: t.drop(index=len(t) // 2)),
    ("a response has a row twice", "response/*/*/*", lambda t: pd.concat([t, t[:1]])),
    ("a template's rows are reversed", "templates/*/*", lambda t: t[::-1]),
    ("half of the toys", "toys/*/[0-9-]*[0-9]", lambda t: t[: len(t) // 2]),
    ("an event is NaN", "toys/*/[0-9-]*[0-9]", _with("cs1", np.nan)),
    ("half of the limits", "limits/*/*/*/*", lambda t: t[: len(t) // 2]),
    (
        "a calibration lacks an interval",
        "calibration/*/*/*",
        lambda t: t[t["interval"] != t["interval"].iloc[-1]],
    ),
    ("a limit is negative", "limits/*/*/*/*", _with("limit_cm2", -1e-46)),
    ("a limit is NaN, and counts as good", "limits/*/*/*/*", _with("limit_cm2", np.nan)),
    ("a sensitivity's rows are there twice", "sensitivity/*", lambda t: pd.concat([t, t])),
)


def faults(study: Study) -> Iterator[tuple[str, str, str]]:
    """Give each fault, and what became of it with old hashes and with right ones.

    Parameters
    ----------
    study
        Its results are changed, and put back as they were; a calibration is added.
    """
    _calibrate(study)
    for name, pattern, change in FAULTS:
        file = next(iter(sorted(study.results.glob(f"{pattern}.parquet"))))
        yield name, *_both(study, file, change)
    file = next(iter(sorted(study.results.glob("response/*/*/*.parquet"))))
    good = file.read_bytes()
    middle = len(good) // 2
    turned = good[:middle] + bytes([good[middle] ^ 1]) + good[middle + 1 :]
    yield "one bit of a response is turned", _tried(study, file, turned, good), ""
    yield "a spectrum's CSV is cut short", _cut_csv(study), ""


def edited_detector(folder: Path) -> str:
    """Edit a detector file after a run has planned a job; say what the job does.

    Parameters
    ----------
    folder
        With a ``config`` of its own and an ``overlay.yaml``.
    """
    files = folder / "config/config.yaml", folder / "overlay.yaml"
    planned = load_study(*files)
    name = next(iter(planned.detectors))
    detector = folder / f"config/detectors/{name}.yaml"
    before = detector.read_text(encoding="utf-8")
    g1 = planned.detectors[name].apparatus.g1
    detector.write_text(before.replace(f"g1: {g1:g}", f"g1: {g1 * 1.01:g}"), encoding="utf-8")
    anchor = next(iter(planned.anchors(name, "nr")))
    slices = [response_slice(study, name, "nr", anchor) for study in (planned, load_study(*files))]
    detector.write_text(before, encoding="utf-8")
    return said(lambda: check_plan(*slices), "configuration changed while the study ran")


def _both(study: Study, file: Path, change: Change) -> tuple[str, str]:
    good = file.read_bytes()
    schema = pq.read_schema(file)
    changed = change(pd.read_parquet(file)).reset_index(drop=True)
    table = pa.Table.from_pandas(changed, preserve_index=False)
    pq.write_table(table.replace_schema_metadata(schema.metadata), file)
    old = _tried(study, file, file.read_bytes(), good)
    rewrite(file, changed)
    return old, _tried(study, file, file.read_bytes(), good)


def _tried(study: Study, file: Path, content: bytes, good: bytes) -> str:
    """Read a file with a content, and put the good one back."""
    file.write_bytes(content)
    outcome = said(reader(study, file), file.name)
    file.write_bytes(good)
    return outcome


def _cut_csv(study: Study) -> str:
    """Cut an export; a run's first look notices it and writes it again."""
    file = next(iter(sorted((study.results / "spectra").glob("*.csv"))))
    good = file.read_bytes()
    file.write_bytes(good[: len(good) * 7 // 10])
    noticed = any(file.name in message for message in set_aside(study.results, rename=True))
    again = file.is_file() and file.read_bytes() == good
    file.write_bytes(good)
    return "noticed, and written again with the same bytes" if noticed and again else "silent"


def _calibrate(study: Study) -> None:
    """Write made-up critical values for the last of the study's masses."""
    target, (interaction, mass) = next(iter(study.targets)), study.wimps[-1]
    sources = study.model_sources(target, interaction, mass)
    files = [study.path(paths.TEMPLATE, detector=d, source=s) for d, s in sources]
    model = read_model(study, target, mass, interaction, files)
    rows = [(i.name, float(signal)) for i in study.intervals for signal in range(1, 4)]
    table = pd.DataFrame(rows, columns=["interval", "rate_multiplier"]).assign(
        confidence_level=study.confidence_level,
        test_statistic="q_tilde",
        critical_value=1.6,
        critical_value_low=1.5,
        critical_value_high=1.7,
        n_effective=900.0,
        n_toys=1000,
        n_failed=0,
    )
    write_calibration(model, table, study.model_path(paths.CALIBRATION, target, interaction, mass))
