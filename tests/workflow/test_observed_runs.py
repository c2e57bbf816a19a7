"""Observed data in a study, from a file with foreign columns to tables, figures and a page."""

import pandas as pd
import pytest

from zeptobarn.cli import cli
from zeptobarn.study.loading import load_study
from zeptobarn.summary.observed_table import read_expected

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("finished")]

DATA = {"observed": {"xenon1t": {"file": "mine.csv", "columns": {"cs1": "light"}}}}
FIGURES = [f"observed_{name}_xenon1t_SI" for name in ("limits", "events", "nuisances")]


@pytest.fixture
def workflow(finished, tmp_path):
    """A copy of a workflow that has run, with the published events under other names."""
    workflow = finished[0].copy_to(tmp_path / "workflow")
    events = pd.read_csv(workflow.folder / "resources/observed/xenon1t_sr0_events.csv")
    events = pd.DataFrame(
        {"cs2_bottom_phd": events["cs2_bottom_pe"] / 1.15, "light": events["cs1_pe"]}
    )
    events.to_csv(workflow.folder / "mine.csv", index=False)
    return workflow


def test_a_study_with_observed_data(workflow, monkeypatch, capsys):
    assert workflow.planned(**DATA) == {}  # nothing else depends on them
    done = workflow.run("observed", **DATA)
    assert done.returncode == 0, done.stderr
    results = workflow.folder / "results"
    for name in FIGURES:
        assert all((results / f"figures/{name}.{suffix}").is_file() for suffix in ("pdf", "png"))
    table = pd.read_csv(results / "observed/xenon1t/SI.csv")
    assert table[["mass_GeV", "interval"]].drop_duplicates().shape == (6, 2)
    assert (table["n_events"] == 63).all()
    monkeypatch.chdir(workflow.folder)
    study = load_study("config/config.yaml", "overlay.yaml")
    summary, _ = read_expected(study)
    for name in ("median_cm2", "power_constraint_cm2"):
        assert table[name].to_numpy() == pytest.approx(summary[name].to_numpy(), rel=1e-9, abs=0)
    events = pd.read_csv(results / "observed/xenon1t/SI/50GeV.events.csv")
    assert len(events) == 63
    assert events["change"].notna().sum() == 10
    nuisances = pd.read_parquet(results / "observed/xenon1t/SI/50GeV.nuisances.parquet")
    assert nuisances["parameter"].tolist() == ["er_rate", "leff"]
    assert workflow.planned("observed", **DATA) == {}

    file = "results/observed/xenon1t/SI.parquet"
    arguments = ["--overlay", "overlay.yaml", "--output", "page.png"]
    assert cli.main(["explain", file, "--mass", "50", *arguments]) == 0
    said = capsys.readouterr().out
    assert "50 GeV/c²: observed" in said
    limit = table[(table["mass_GeV"] == 50) & (table["interval"] == "profiled")]["limit_cm2"]
    assert f"{limit.iloc[0]:.4g} cm²" in said
    for more, message in (
        (["--mass", "51"], "--mass: found 51; allowed: 10, 50"),
        (["--mass", "50", "--interval", "x"], "no interval 'x'; allowed: leff_nominal"),
        (["--trial", "1"], "no column trial or status"),
    ):
        assert cli.main(["explain", file, *more, *arguments]) == 1
        assert message in capsys.readouterr().err

    # Another event is another search; what is expected stays.
    path = workflow.folder / "mine.csv"
    path.write_text(path.read_text() + "1000,20\n")
    planned = workflow.planned("observed", **DATA)
    assert planned["observed_of_mass"] == 2
    assert set(planned) == {
        "observed_of_mass", "observed_table", "observed_details",
        "figure_observed", "figure_observed_events", "figure_observed_nuisances",
    }  # fmt: skip
    assert cli.main(["explain", file, "--mass", "50", *arguments]) == 1
    assert "other events than this study's" in capsys.readouterr().err
    # Another livetime is another study.
    longer = {"observed": {"xenon1t": DATA["observed"]["xenon1t"] | {"livetime_day": 40}}}
    assert {"template", "toys", "limits"} <= set(workflow.planned("observed", **longer))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"file": "none.csv"}, "observed: xenon1t: file: no file none.csv; looked for below"),
        ({"file": "mine.csv"}, "observed: xenon1t: mine.csv: found columns 'cs2_bottom_phd', 'li"),
        ({"columns": {"cs1": "light"}}, "observed.xenon1t: missing key 'file'"),
        ({"file": "mine.csv", "livetime_day": 0}, "observed.xenon1t.livetime_day: found 0"),
        ({"file": "mine.csv", "column": {}}, "observed.xenon1t"),
    ],
)
def test_mistakes_are_known_before_a_run(workflow, data, message):
    done = workflow.run("observed", "--dry-run", observed={"xenon1t": data})
    assert done.returncode == 1
    assert message in done.stderr + done.stdout


def test_data_of_a_detector_that_the_study_does_not_have(workflow):
    done = workflow.run("--dry-run", observed={"lz": {"file": "mine.csv"}})
    assert done.returncode == 1
    assert "observed: found 'lz', which the study does not have" in done.stderr + done.stdout


def test_without_observed_data_there_is_nothing_to_do(workflow):
    assert workflow.planned("observed") == {}
