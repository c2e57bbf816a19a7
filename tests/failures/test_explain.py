"""Explanations: the same numbers as the limit's, the right cause, and errors that help."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from zeptobarn.cli import cli
from zeptobarn.failures.explain import explain
from zeptobarn.failures.explanation import explain_data
from zeptobarn.failures.trials import run, write_trials
from zeptobarn.figures.explain import draw_page
from zeptobarn.inference.load import make_model
from zeptobarn.inference.results import write_limits
from zeptobarn.inference.status import Status
from zeptobarn.study.settings import Failures
from zeptobarn.support.config import ConfigError
from zeptobarn.support.tables import ResultError
from zeptobarn.templates.templates import write_template
from zeptobarn.templates.toys import Toys, throw


@pytest.fixture(scope="module")
def study(small_study, small_templates, tmp_path_factory):
    """The small study with its templates of XENON1T on disk."""
    study = dataclasses.replace(
        small_study, results=tmp_path_factory.mktemp("results"), failures=Failures(10, 20)
    )
    for source, template in small_templates["xenon1t"].items():
        path = study.path(
            "templates/{detector}/{source}.parquet", detector="xenon1t", source=source
        )
        write_template(study, "xenon1t", source, template, path)
    return study


@pytest.fixture(scope="module")
def model(study, small_templates):
    return make_model(study, "xenon1t", 50, "SI", small_templates)


@pytest.fixture(scope="module")
def toys(study, small_templates):
    return throw(study, "xenon1t", small_templates["xenon1t"], range(1, 6))


@pytest.fixture(scope="module")
def limits(model, toys):
    return model.limits(toys)


@pytest.fixture(scope="module")
def file(model, limits, study):
    path = study.results / "limits.parquet"
    write_limits(model, [limits], path)
    return path


def explained(model, toys, interval="leff_nominal"):
    """The explanation of a model's first limit."""
    row = model.interval_limits(toys, interval).iloc[0].to_dict()
    first = row["trial"]
    one = Toys(*(t[t["trial"] == first] for t in (toys.events, toys.truth)))
    return explain_data(model, model.interval(interval), one, row)


def test_a_limit_of_a_file(study, file, limits):
    explanation = explain(study, file, 3)
    row = limits[(limits["trial"] == 3) & (limits["interval"] == "profiled")].iloc[0]
    assert explanation.status == "ok"
    assert explanation.limit == row["limit_rate_multiplier"]
    assert len(explanation.crossings) == 1
    assert explanation.crossings[0] == pytest.approx(row["limit_rate_multiplier"], rel=1e-3)
    assert explanation.numbers["limit"].endswith(f"{row['limit_cm2']:.4g} cm²")
    assert explanation.numbers["critical value"] == "1.642"
    assert "trial 3" in str(explanation)
    assert explain(study, file, 3, "leff_low").limit > explanation.limit


@pytest.mark.parametrize(
    ("trial", "interval", "message"),
    [(9, None, "no trial 9; allowed: 1 … 5"), (1, "best", "no interval 'best'; allowed: leff_nom")],
)
def test_what_is_not_in_the_file(study, file, trial, interval, message):
    with pytest.raises(ConfigError, match=message):
        explain(study, file, trial, interval)


def test_a_file_of_another_study(study, file):
    other = dataclasses.replace(study, confidence_level=0.95)
    with pytest.raises(ResultError, match="--config and --overlay"):
        explain(other, file, 1)


def changed(model, source, change):
    """The model with a change to a template's expected events, shape (anchors, bins)."""
    templates = dict(model.templates["xenon1t"])
    expected = change(templates[source].expected.copy())
    templates[source] = dataclasses.replace(templates[source], expected=expected)
    return dataclasses.replace(model, templates={"xenon1t": templates})


def nan(expected):
    expected[:, 5] = np.nan
    return expected


@pytest.mark.parametrize(
    ("change", "interval", "status"),
    [
        (lambda m: changed(m, m.signal, lambda e: 0 * e), "leff_nominal", "empty_template"),
        (lambda m: changed(m, m.signal, lambda e: 0 * e), "profiled", "empty_template"),
        (lambda m: changed(m, "er", nan), "leff_nominal", "not_converged"),
        (
            lambda m: dataclasses.replace(
                m, study=dataclasses.replace(m.study, search_bound_rate_multiplier=1e-4)
            ),
            "leff_nominal",
            "no_crossing",
        ),
        (
            lambda m: dataclasses.replace(
                m, study=dataclasses.replace(m.study, confidence_level=0.5)
            ),
            "leff_nominal",
            "critical_value_zero",
        ),
    ],
)
def test_injected_faults_are_labelled(model, toys, tmp_path, change, interval, status):
    explanation = explained(change(model), toys, interval)
    assert explanation.status == status
    assert explanation.cause == Status[status].cause
    assert np.isnan(explanation.limit)
    draw_page(explanation, [tmp_path / "page.png"])
    assert (tmp_path / "page.png").stat().st_size > 20_000


def test_a_likelihood_that_cannot_converge(model, toys):
    """A constraint that was measured at infinity."""
    truth = toys.truth.assign(
        constraint_centre=toys.truth["constraint_centre"].where(
            toys.truth["parameter"] != "leff", np.inf
        )
    )
    explanation = explained(model, Toys(toys.events, truth), "profiled")
    assert explanation.status == "not_converged"
    assert np.isnan(explanation.limit)


def test_two_crossings(model, toys, study):
    """Four events that the signal explains at leff = 0, and, a hundred times weaker, at 2."""
    space = study.detectors["xenon1t"].space
    at = int(np.argmax(model.templates["xenon1t"][model.signal].nominal))
    rows = np.zeros((5, len(model.templates["xenon1t"][model.signal].nominal)))
    rows[[0, 1, 3], at - 300], rows[2, at], rows[4, at] = 1.0, 1.0, 0.01
    i, j = divmod(at, space.shape[1])
    events = pd.DataFrame(
        {
            "trial": 1,
            "cs1": space.cs1_edges[i : i + 2].mean(),
            "cs2": space.cs2_edges[j : j + 2].mean(),
            "source": ["er"] * 4,
        }
    )
    one = toys.truth[toys.truth["trial"] == 1].assign(constraint_centre=0.9)
    explanation = explained(
        changed(model, model.signal, lambda expected: rows), Toys(events, one), "profiled"
    )
    assert explanation.status == "multiple_crossings"
    assert len(explanation.crossings) == 2
    assert explanation.crossings[1] == pytest.approx(explanation.limit, rel=1e-2)
    assert explanation.cause.startswith("The statistic crosses the critical value more than once")


def test_an_event_outside_every_template(model, toys):
    emptied = model
    for source in model.templates["xenon1t"]:
        emptied = changed(emptied, source, lambda e: np.where(np.arange(e.shape[1]) < 300, e, 0.0))
    explanation = explained(emptied, toys)
    assert explanation.status == "zero_density_event"
    assert "xenon1t cS1" in explanation.numbers["events without density"]


def test_a_trial_of_the_failure_study(study, small_templates):
    from zeptobarn.failures import scans
    from zeptobarn.templates.spectra import spectrum

    spectra = {s: spectrum(study, s) for s in scans.sources(study, "bound")}
    table = run(study, "xenon1t", "bound", small_templates["xenon1t"], spectra)
    path = study.results / "bound.parquet"
    write_trials(study, "xenon1t", "bound", table, path)
    failed = table[(table["status"] == "no_crossing") & (table["bound"] == 10)]
    explanation = explain(study, path, int(failed["trial"].iloc[0]))
    assert explanation.status == "no_crossing"
    assert explanation.bracket[1] == 10
    assert explanation.statistic[explanation.signals < 10].max() < explanation.critical[0]
    ours = table[(table["trial"] == failed["trial"].iloc[0]) & (table["finder"] == "robust")]
    assert explanation.crossings[0] == pytest.approx(
        ours["limit_rate_multiplier"].iloc[0], rel=1e-2
    )
    assert explanation.numbers["zeptobarn's limit"].endswith("ok")


def test_the_command(study, file, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("zeptobarn.study.loading.load_study", lambda config, overlay: study)
    page = tmp_path / "why.pdf"
    assert cli.main(["explain", str(file), "--trial", "2", "--output", str(page)]) == 0
    assert "Cause: The statistic rises" in capsys.readouterr().out
    assert page.read_bytes().startswith(b"%PDF")
    assert cli.main(["explain", str(file), "--trial", "2", "--output", "why.txt"]) == 1
    assert "ends in .pdf or .png" in capsys.readouterr().err
    assert cli.main(["explain", "no.parquet", "--trial", "2"]) == 1
    assert "no.parquet: no such file" in capsys.readouterr().err
    assert cli.main(["explain", str(file.with_stem("1-7")), "--trial", "2"]) == 1
    error = capsys.readouterr().err
    assert "1-7.parquet: no such file; beside it: " in error
    assert file.name in error


def test_a_file_that_is_no_result(study, tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ResultError, match="damaged: "):
        explain(study, tmp_path / "a.csv", 1)


def test_a_detector_or_mass_that_the_study_does_not_have(study, file):
    for changes in ({"masses_GeV": (7, 10)}, {"detectors": {"lz": study.detectors["lz"]}}):
        with pytest.raises(ConfigError, match="this study does not have; name the one"):
            explain(dataclasses.replace(study, **changes), file, 1)


def test_a_file_without_trials(study, tmp_path):
    from zeptobarn.support.tables import write_parquet

    write_parquet(
        pd.DataFrame({"a": [1]}), tmp_path / "a.parquet", units={"a": ""}, config_slice=None
    )
    with pytest.raises(ConfigError, match="a file of limits/ or failures/"):
        explain(study, tmp_path / "a.parquet", 1)
