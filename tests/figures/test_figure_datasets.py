"""Pictures of single datasets: what they hold, and that they are drawn reproducibly."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from scipy import stats
from test_figures import draw_and_keep, draw_twice

from zeptobarn.figures import datasets as dataset_figures
from zeptobarn.figures import invariance as invariance_figures
from zeptobarn.figures import likelihood as likelihood_figures
from zeptobarn.figures import medians as median_figures
from zeptobarn.figures import spectra as spectrum_figures
from zeptobarn.figures import statistic as statistic_figures
from zeptobarn.figures.templates import density_level
from zeptobarn.inference.load import make_model
from zeptobarn.summary.dataset import RATE_MULTIPLIERS, one_trial, throw_signal
from zeptobarn.summary.invariance import limits_by_generator
from zeptobarn.summary.medians import nominal_model, read_off, two_ways
from zeptobarn.summary.profiles import curve, likelihood_map
from zeptobarn.templates.density import bin_index
from zeptobarn.templates.spectra import spectrum
from zeptobarn.templates.toys import throw

SIGNAL = "wimp_SI_50GeV"


@pytest.fixture(scope="module")
def models(small_study, small_templates):
    return [
        make_model(small_study, "lz", mass, "SI", small_templates)
        for mass in small_study.masses_GeV
    ]


@pytest.fixture(scope="module")
def toys(small_study, small_templates):
    return throw(small_study, "lz", small_templates["lz"], range(1, 21))


@pytest.fixture(scope="module")
def shown(small_study, small_templates, toys):
    templates = small_templates["lz"]
    signals = {
        m: throw_signal(small_study, "lz", SIGNAL, templates[SIGNAL], m) for m in RATE_MULTIPLIERS
    }
    dataset = toys.events[toys.events["trial"] == 1]
    return small_study, "lz", SIGNAL, templates, dataset, signals


def test_signal_follows_its_template(small_study, small_templates, shown):
    space = small_study.detectors["lz"].space
    expected = small_templates["lz"][SIGNAL].nominal
    assert len(shown[-1][0]) == 0
    for multiplier in (1, 10):
        events = shown[-1][multiplier]
        mean = multiplier * expected.sum()
        assert len(events) == pytest.approx(mean, abs=4 * np.sqrt(mean))
        bins = bin_index(space, events["cs1"].to_numpy(), events["cs2"].to_numpy())
        assert (expected[bins] > 0).all()
        rows = expected.reshape(space.shape).sum(axis=1)
        filled = rows * multiplier > 5
        seen = np.bincount(bins // space.shape[1], minlength=len(rows))[filled]
        law = rows[filled] / rows[filled].sum() * seen.sum()
        assert stats.chisquare(seen, law).pvalue > 1e-3


def test_signal_is_thrown_by_name(small_study, small_templates, shown):
    template = small_templates["lz"][SIGNAL]
    again = throw_signal(small_study, "lz", SIGNAL, template, 1)
    pd.testing.assert_frame_equal(again, shown[-1][1])
    other = dataclasses.replace(small_study, seed=2)
    assert not again.equals(throw_signal(other, "lz", SIGNAL, template, 1))


def test_list_of_sources(small_study, small_templates, shown):
    table = dataset_figures.list_sources(*shown)
    backgrounds = table[table["source"] != SIGNAL].set_index("source")
    assert list(backgrounds.index) == [s.name for s in small_study.detectors["lz"].sources]
    assert backgrounds["thrown_events"].sum() == len(shown[4])
    assert backgrounds["rate"].to_dict()["er"] == "free"
    for name, expected in backgrounds["expected_events"].items():
        assert expected == small_templates["lz"][name].nominal.sum()
    signals = table[table["source"] == SIGNAL]
    assert signals["rate_multiplier"].tolist() == [0, 1, 10]
    once = small_templates["lz"][SIGNAL].nominal.sum()
    assert signals["expected_events"].to_numpy() == pytest.approx([0, once, 10 * once])
    assert signals["thrown_events"].tolist() == [len(e) for e in shown[-1].values()]


def test_level_holds_its_share(small_templates):
    expected = small_templates["lz"][SIGNAL].nominal
    level = density_level(expected, 0.9)
    assert expected[expected >= level].sum() / expected.sum() == pytest.approx(0.9, abs=0.01)
    # The densest bins that do, and none more.
    assert (
        expected[expected > level].sum() < 0.9 * expected.sum() <= expected[expected >= level].sum()
    )


def test_datasets(tmp_path, shown):
    draw_twice(tmp_path, lambda files: dataset_figures.draw(*shown, files))


def test_signal_has_the_colour_of_the_detector_file(tmp_path, shown, monkeypatch):
    study, *rest = shown
    found = study.detectors["lz"]
    assert found.signal.colour == "#D55E00"
    changed = dataclasses.replace(found, signal=dataclasses.replace(found.signal, colour="#123456"))
    study = dataclasses.replace(study, detectors={"lz": changed})
    figure = draw_and_keep(
        monkeypatch,
        dataset_figures,
        lambda: dataset_figures.draw(study, *rest, [tmp_path / "a.png"]),
    )
    axis = figure.subfigs[0].axes[-1]
    colours = [to_hex(c.get_facecolor()[0]) for c in axis.collections if len(c.get_facecolor())]
    colours += [to_hex(c.get_edgecolor()[0]) for c in axis.collections if len(c.get_edgecolor())]
    assert colours.count("#123456") >= 2
    assert "#d55e00" not in colours


def test_statistic(tmp_path, small_study, models, toys):
    dataset = one_trial({"lz": toys}, 1)
    curves = [curve(model, dataset, small_study.intervals[-1]) for model in models]
    draw_twice(
        tmp_path / "some",
        lambda files: statistic_figures.draw(small_study, "lz", curves, 2983, files),
    )
    statistic_figures.draw(small_study, "lz", [], 0, [tmp_path / "none.png"])


def test_likelihood(tmp_path, small_study, models, toys):
    dataset = one_trial({"lz": toys}, 1)
    maps = [likelihood_map(models[0], dataset), likelihood_map(models[2], dataset)]
    draw_twice(
        tmp_path / "shaped",
        lambda files: likelihood_figures.draw(small_study, "lz", maps, files),
    )
    bare = nominal_model(models[0])
    for name, some in (("bare", [likelihood_map(bare, dataset)]), ("none", [])):
        file = tmp_path / f"{name}.png"
        likelihood_figures.draw(bare.study, "lz", some, [file])
        assert file.stat().st_size > 3000


def test_medians(tmp_path, small_study, models, toys, monkeypatch):
    found = two_ways(models[1], toys, (0, 1))
    draw_twice(
        tmp_path / "some", lambda files: median_figures.draw(small_study, "lz", 10, *found, files)
    )
    figure = draw_and_keep(
        monkeypatch,
        median_figures,
        lambda: median_figures.draw(small_study, "lz", 10, *found, [tmp_path / "kept.png"]),
    )
    curves, limits = found
    top, bottom = figure.axes
    thrown = curves[curves["dataset"] == "thrown"].groupby("injected")
    read = [read_off(curve, 0.1) for _, curve in thrown]
    points = [line.get_xydata() for line in top.lines if line.get_marker() == "o"]
    assert np.concatenate(points) == pytest.approx(np.array([[x, 0.1] for x in read]))
    dashed = [line.get_xdata()[0] for line in bottom.lines if line.get_linestyle() == "--"]
    assert dashed == pytest.approx(read)
    medians = limits.groupby("injected")["limit_rate_multiplier"].median()
    squares = [line.get_xdata()[0] for line in bottom.lines if line.get_marker() == "s"]
    assert squares == pytest.approx(list(medians))
    none = [curves[:0], limits.assign(limit_rate_multiplier=np.nan)]
    median_figures.draw(small_study, "lz", 10, *none, [tmp_path / "none.png"])


def test_invariance(tmp_path, small_study, models):
    limits = limits_by_generator(models[:2], range(1, 4))
    draw_twice(tmp_path, lambda files: invariance_figures.draw(small_study, "lz", limits, files))


@pytest.mark.slow
def test_integrated_spectra(tmp_path, small_study, small_spectra):
    spectra = small_spectra | {name: spectrum(small_study, name) for name in small_study.spectra()}
    draw_twice(
        tmp_path, lambda files: spectrum_figures.draw_integrated(small_study, "SI", spectra, files)
    )


def test_rate_above_an_energy(small_study):
    """Against a sum over a fine grid, and the flat background in the head."""
    table = spectrum(small_study, "wimp_SI_7GeV")
    energies = np.array([0.1, 1.0, 3.0, 10.0])
    fine = np.geomspace(0.05, 6, 200_001)
    middle = np.sqrt(fine[1:] * fine[:-1])
    rate = np.interp(middle, table["recoil_energy_keV"], table["rate_per_kg_day_keV"])
    sums = [(rate * np.diff(fine))[middle > energy].sum() * 365250 for energy in energies]
    found = spectrum_figures.rate_above(table, energies)
    assert found == pytest.approx(sums, rel=2e-3)
    assert found[3] == 0
    flat = spectrum(small_study, "er_lz")
    above = spectrum_figures.rate_above(flat, np.array([0.0, 10.0]))
    assert above == pytest.approx(4.04e-5 * 365250 * np.array([30, 20]))
