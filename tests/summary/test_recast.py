"""A detector's limit on a spectrum, without a study: that of `Model.limit`."""

import dataclasses
import re
import shutil

import numpy as np
import pandas as pd
import pytest

from small import SMALL
from zeptobarn.cli.cli import main
from zeptobarn.inference.load import load_model
from zeptobarn.summary.recast import recast, study_of_one
from zeptobarn.support.config import ConfigError
from zeptobarn.templates.spectra import integrate, source_tables, total_rate, wimp_spectrum

INTERVAL = "profiled"


@pytest.fixture(scope="module")
def study(small_study, small_results):
    """The small study, with its templates where a model looks for them."""
    return dataclasses.replace(small_study, results=small_results)


@pytest.fixture(scope="module")
def wimp(study):
    return load_model(study, "xenon1t", 50)


def test_a_wimp_is_recast_to_its_own_limit(study, wimp, tmp_path):
    """From a table and from a file, with events and without."""
    events, table = wimp.toy(7), wimp_spectrum(50)
    expected = wimp.limit(events, INTERVAL)
    answer = recast(table, "xenon1t", events, INTERVAL, study)
    assert answer.limit == pytest.approx(expected.rate_multiplier, rel=1e-6)
    assert answer.observed.n_events == expected.n_events
    assert answer.signal_events == pytest.approx(wimp.signal_events, rel=1e-9)
    exposure = study.detectors["xenon1t"].exposure_kg_day
    assert answer.efficiency == pytest.approx(
        wimp.signal_events / exposure / total_rate(table), rel=1e-9
    )
    assert 0.1 < answer.efficiency < 1
    assert answer.background_events["er"] == pytest.approx(
        wimp.templates["xenon1t"]["er"].nominal.sum(), rel=1e-12
    )
    table.to_csv(tmp_path / "wimp.csv", index=False)
    again = recast((tmp_path / "wimp.csv", None), "xenon1t", None, INTERVAL, study)
    assert again.observed is None
    assert again.limit == again.median == pytest.approx(answer.median, rel=1e-6)
    assert again.minus2sigma <= again.minus1sigma <= again.median <= again.plus1sigma
    assert again.n_trials == study.trials
    text = str(again)
    assert "upper limit (q̃), Leff profiled; nominal 90 % CL, asymptotic" in text
    assert "free: er" in text
    for word in ("WIMP", "cross section", "cm²"):
        assert word not in text + str(answer)


def test_the_command_prints_what_python_says(study, small_results, tmp_path, monkeypatch, capsys):
    table = wimp_spectrum(50)
    table.to_csv(tmp_path / "s.csv", index=False)
    overlay = tmp_path / "small.yaml"
    overlay.write_text(SMALL.replace("results/small", str(small_results)))
    command = ["recast", str(tmp_path / "s.csv"), "--detector", "xenon1t"]
    options = ["--interval", INTERVAL, "--overlay", str(overlay)]
    assert main([*command, *options]) == 0
    expected = recast(table, "xenon1t", None, INTERVAL, study)
    assert capsys.readouterr().out == f"{expected}\n"


def test_backgrounds_of_0_and_of_a_known_number_in_events(study, small_responses):
    """0 ± x, and n ± x: sums over recoil energies of rate times acceptance, by hand."""
    xenon1t = study.detectors["xenon1t"]
    known = {"er": {"rate_width": 0.1}, "neutrons": {"rate_width": 3.0, "nominal_rate": 0.0}}
    sources = tuple(
        dataclasses.replace(source, rate="normal", **known[source.name])
        if source.name in known
        else source
        for source in xenon1t.sources
    )
    one = dataclasses.replace(xenon1t, sources=sources)
    answer = recast(
        wimp_spectrum(50), "xenon1t", None, INTERVAL,
        dataclasses.replace(study, detectors={"xenon1t": one}, trials=2),
    )  # fmt: skip
    events = {}
    for name, response in (
        ("er", small_responses["xenon1t"]["er"]["nominal"]),
        ("neutrons", small_responses["xenon1t"]["nr"]["leff_0"]),
    ):
        (table,) = source_tables(study, "xenon1t", name).values()
        recoils = integrate(table, response.energy_edges_keV) * xenon1t.exposure_kg_day
        events[name] = float(recoils @ response.acceptance)
    assert answer.background_events["neutrons"] == 0
    assert answer.background_events["er"] == pytest.approx(events["er"], rel=0.01)
    text = str(answer)
    for name, width in (("er", 0.1), ("neutrons", 3)):
        written = float(re.search(rf"normal ± (\S+) events: {name}", text)[1])
        assert written == pytest.approx(width * events[name], rel=0.01)
    assert "neutrons 0" in text
    everything = sum(answer.background_events.values())
    assert f"background: {everything:.4g} events (er " in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--detector", "lz"], "recast: found no spectrum; needed: FILE, --er FILE, or both"),
        (["s.csv", "--detector", "lz", "--interval", "best"], "--interval: found best; allowed:"),
        (["nowhere.csv", "--detector", "lz"], "nowhere.csv: no such file"),
        (["nowhere.csv", "--detector", "none.yaml"], "none.yaml: no such file"),
    ],
)
def test_mistakes_of_the_command(arguments, message, capsys):
    assert main(["recast", *arguments]) == 1
    assert message in capsys.readouterr().err


def test_half_the_rate_is_twice_the_limit(study, wimp):
    events, table = wimp.toy(7), wimp_spectrum(50)
    half = table.assign(rate_per_kg_day_keV=table["rate_per_kg_day_keV"] / 2)
    one, two = (recast(each, "xenon1t", events, INTERVAL, study).limit for each in (table, half))
    assert two == pytest.approx(2 * one, rel=1e-6)


def test_electrons_alone_and_beside_nuclear_recoils(study):
    flat = pd.DataFrame({"recoil_energy_keV": [1.0, 9.0], "rate_per_kg_day_keV": [1e-4, 1e-4]})
    nuclear = wimp_spectrum(50)
    answers = {
        name: recast(pair, "xenon1t", None, INTERVAL, study)
        for name, pair in {
            "nr": nuclear, "er": (None, flat), "both": (nuclear, flat)
        }.items()
    }  # fmt: skip
    both = answers["nr"].signal_events + answers["er"].signal_events
    assert answers["both"].signal_events == pytest.approx(both, rel=1e-9)
    recoils = study.detectors["xenon1t"].exposure_kg_day * (total_rate(nuclear) + 8e-4)
    assert answers["both"].efficiency == pytest.approx(both / recoils, rel=1e-9)
    assert {answer.n_failed for answer in answers.values()} == {0}


def test_a_detector_that_the_study_lacks_has_its_shared_shapes(small_study, tmp_path):
    table = wimp_spectrum(50)
    table.to_csv(tmp_path / "s.csv", index=False)
    shutil.copy("config/detectors/xenon1t.yaml", tmp_path / "other.yaml")
    one = small_study.shapes[0]
    local = dataclasses.replace(one, name="local", detectors=("lz",))
    intervals = (dataclasses.replace(small_study.intervals[2], fixed={"local": 0.0}),)
    study = dataclasses.replace(small_study, shapes=(one, local), intervals=intervals)
    alone = study_of_one(study, tmp_path / "other.yaml", {"nr": str(tmp_path / "s.csv")})
    assert list(alone.detectors) == ["other"]
    assert [(s.name, s.detectors) for s in alone.shapes] == [("leff", ("other",))]
    assert alone.intervals[0].fixed == {}


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"recoil_energy_keV": [1.0], "rate_per_kg_day_keV": [1.0]}, r"\(nr\): found 1 rows"),
        ({"energy": [1.0, 2.0], "rate": [1.0, 1.0]}, r"spectrum \(nr\): found columns 'energy'"),
        (
            {"recoil_energy_keV": [1.0, np.nan], "rate_per_kg_day_keV": [1.0, 2.0]},
            r"spectrum \(nr\): row 1: found .* finite numbers",
        ),
        (
            {"recoil_energy_keV": [1e3, 2e3], "rate_per_kg_day_keV": [1.0, 2.0]},
            r"found no recoils in .* that xenon1t could see; allowed: some of 1 to",
        ),
    ],
)
def test_refused(study, table, message):
    with pytest.raises(ConfigError, match=message):
        recast(pd.DataFrame(table), "xenon1t", None, INTERVAL, study)


def test_refused_names(study):
    with pytest.raises(ConfigError, match="detector: found 'pandax'; allowed: a file, or one of"):
        recast(wimp_spectrum(50), "pandax", None, INTERVAL, study)
    with pytest.raises(ValueError, match="interval: found 'best'; allowed: leff_nominal"):
        recast(wimp_spectrum(50), "xenon1t", None, "best", study)
    with pytest.raises(ValueError, match="spectrum: found none; needed: one of"):
        recast((None, None), "xenon1t", None, INTERVAL, study)


def test_total_rate_is_the_integral():
    table = wimp_spectrum(50)
    assert total_rate(table) == pytest.approx(integrate(table, [0, 1e4])[0], rel=1e-12, abs=0)
