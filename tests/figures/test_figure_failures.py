"""Pictures of the failure study: drawn, reproducibly, for whole and for small studies."""

import dataclasses
from functools import cache

import pandas as pd
import pytest

from zeptobarn.failures import counts, scans
from zeptobarn.failures.explain import Explanation
from zeptobarn.failures.trials import run
from zeptobarn.figures import failures as figures
from zeptobarn.figures.brent import draw_brent, examples
from zeptobarn.inference.status import WITH_LIMIT
from zeptobarn.study.study import Failures

pytestmark = pytest.mark.xdist_group("failure_figures")

MORE_SCANS = ("n_events", "confidence_level", "n_trials", "leff_low")


@pytest.fixture(scope="module")
def study(small_study):
    return dataclasses.replace(small_study, failures=Failures(15, 30))


@pytest.fixture(scope="module")
def table(study, small_templates, small_spectra):
    """The trials of a scan, made when they are first asked for."""

    @cache
    def trials(scan):
        spectra = {s: small_spectra[s] for s in scans.sources(study, scan)}
        return run(study, "xenon1t", scan, small_templates["xenon1t"], spectra)

    return trials


def draw_twice(tmp_path, draw):
    """Draw into two folders; the bytes are the same, and the picture is no blank sheet."""
    for name in ("one", "two"):
        draw([tmp_path / name / f"figure.{suffix}" for suffix in ("png", "pdf")])
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()
        assert file.stat().st_size > 6000


@pytest.mark.slow
def test_law_and_outcomes(tmp_path, study, table):
    summary = counts.summarise(table("n_events"))
    law = counts.law(summary)
    draw_twice(
        tmp_path / "law", lambda files: figures.draw_law(study, "xenon1t", summary, law, files)
    )
    draw_twice(
        tmp_path / "outcomes",
        lambda files: figures.draw_outcomes(study, "xenon1t", table("n_events"), files),
    )


@pytest.mark.parametrize(
    "scan", ["bound", *(pytest.param(scan, marks=pytest.mark.slow) for scan in MORE_SCANS)]
)
def test_tables(tmp_path, study, table, scan):
    summary = counts.summarise(table(scan))
    draw_twice(
        tmp_path, lambda files: figures.draw_tables(study, "xenon1t", summary, {scan: files})
    )


@pytest.mark.slow
def test_window(tmp_path, study, table):
    summary = counts.summarise(table("confidence_level"))
    draw_twice(tmp_path, lambda files: figures.draw_window(study, "xenon1t", summary, files))


def test_one_mass_can_be_drawn(tmp_path, study, table):
    rows = table("n_events")
    summary = counts.summarise(rows[(rows["mass_GeV"] == 50)])
    figures.draw_law(study, "xenon1t", summary, counts.law(summary), [tmp_path / "law.png"])
    figures.draw_tables(study, "xenon1t", summary, {"n_events": [tmp_path / "table.png"]})
    for file in (tmp_path / "law.png", tmp_path / "table.png"):
        assert file.stat().st_size > 6000


def test_examples_of_brent(table):
    rows = table("bound")
    found = examples(rows)
    assert set(found) == {"ok", "no_crossing", "empty_template"}
    trials = rows[rows["finder"] == "conventional"].set_index("trial")
    for status, trial in found.items():
        assert trials["status"][trial] == status
    same = trials.loc[[found["ok"], found["no_crossing"]]]
    assert same["draw"].nunique() == same["mass_GeV"].nunique() == 1
    assert same["bound"].is_monotonic_decreasing
    assert examples(rows[rows["status"] == "ok"]).keys() == {"ok"}


def test_brent(tmp_path):
    import numpy as np

    signals = np.geomspace(0.1, 1000, 200)

    def explained(status, statistic, bound):
        return Explanation(
            title="",
            status=status,
            message="",
            cause="",
            cure="",
            numbers={"a": "b"},
            signals=signals,
            statistic=statistic,
            critical=np.full(200, 1.64),
            crossings=(),
            best_fit=0.0,
            limit=16.4,
            bracket=(0.0, bound),
        )

    found = {
        "ok": explained("ok", signals / 10, 500.0),
        "no_crossing": explained("no_crossing", signals / 10, 5.0),
        "empty_template": explained("empty_template", 0 * signals, 500.0),
    }
    draw_twice(tmp_path, lambda files: draw_brent(found, files))


@pytest.mark.slow
def test_every_outcome_has_a_colour(table):
    failed = pd.concat(table(scan) for scan in ("bound", *MORE_SCANS))["status"].unique()
    assert set(failed) - set(WITH_LIMIT) <= set(figures._OUTCOMES)
