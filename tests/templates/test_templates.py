import dataclasses
import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from zeptobarn.physics import quadrature
from zeptobarn.support.streams import stream
from zeptobarn.support.tables import ResultError, read_parquet
from zeptobarn.templates.response import compute_response, energy_edges
from zeptobarn.templates.spectra import COLUMNS, integrate, spectrum
from zeptobarn.templates.templates import (
    build,
    events_per_rate,
    lint,
    read_template,
    recoils_per_bin,
    sample,
    write_template,
)


@pytest.mark.parametrize(
    ("detector", "source", "n_events"),
    [
        ("xenon1t", "er", 300_000),
        ("xenon1t", "wimp_SI_50GeV", 300_000),
        ("lz", "wimp_SI_10GeV", 10**6),
    ],
)
def test_folding_agrees_with_sampling(small_study, small_templates, detector, source, n_events):
    """The response times the spectrum, against recoils drawn from the spectrum itself."""
    folded = small_templates[detector][source]
    instrument = small_study.detectors[detector]
    sampled = sample(
        small_study,
        detector,
        source,
        spectrum(small_study, small_study.spectrum_name(detector, source)),
        stream(1, "sample", source),
        n_events,
    )
    error = np.sqrt(sampled.variance.sum() + folded.variance.sum(axis=1).max())
    assert sampled.nominal.sum() == pytest.approx(folded.nominal.sum(), abs=4 * error)
    a, b = (t.nominal.reshape(instrument.space.shape).sum(axis=1) for t in (sampled, folded))
    variance = sum(
        t.variance[i].reshape(instrument.space.shape).sum(axis=1)
        for t, i in ((sampled, 0), (folded, len(folded.variance) // 2))
    )
    filled = (
        sampled.nominal.reshape(instrument.space.shape).sum(axis=1)
        > 100 * sampled.nominal[sampled.nominal > 0].min()
    )
    chi2 = ((a - b)[filled] ** 2 / variance[filled]).sum()
    assert filled.sum() > 3
    assert stats.chi2.sf(chi2, filled.sum()) > 1e-3


def test_recoils_per_bin_keep_number_and_mean_energy():
    """A falling spectrum in wide bins; in the first bin nothing can move below the cutoff."""
    energy = np.linspace(1, 12, 200)
    table = pd.DataFrame({COLUMNS[0]: energy, COLUMNS[1]: np.exp(-energy)})
    edges = np.geomspace(1, 20, 31)
    corrected, plain = recoils_per_bin(table, edges), integrate(table, edges)
    middle = (edges[1:] + edges[:-1]) / 2
    assert corrected.sum() == pytest.approx(plain.sum(), rel=1e-11, abs=0)
    assert (corrected >= 0).all()
    exact = integrate(table.assign(**{COLUMNS[1]: energy * np.exp(-energy)}), [1, 20])[0]
    off = [abs(rates @ middle / exact - 1) for rates in (corrected, plain)]
    assert off[0] < 0.3 * off[1]
    flat = table.assign(**{COLUMNS[1]: 1.0})
    # Only the bin that the spectrum ends in differs.
    last = np.searchsorted(edges, 12) - 1
    np.testing.assert_allclose(
        recoils_per_bin(flat, edges)[: last - 1], integrate(flat, edges)[: last - 1]
    )


def test_wide_energy_bins_are_as_good_as_narrow_ones(small_study):
    """A 10 GeV WIMP, whose spectrum falls by an e-fold per few bins."""
    detector = small_study.detectors["xenon1t"]
    table = spectrum(small_study, "wimp_SI_10GeV")
    folded = {}
    for width in (0.0125, 0.003):
        edges = energy_edges(3, 12, width)
        response = quadrature.response(detector.apparatus, "nr", detector.space, edges)
        folded[width] = recoils_per_bin(table, edges) @ response
        plain = integrate(table, edges) @ response
        if width == 0.0125:
            uncorrected = plain
    reference = folded[0.003]
    assert folded[0.0125].sum() == pytest.approx(reference.sum(), rel=2e-4)
    big = reference > 0.01 * reference.max()
    worst = [np.abs(t[big] / reference[big] - 1).max() for t in (folded[0.0125], uncorrected)]
    assert worst[0] < 5e-3 < 1e-2 < worst[1]


def test_an_er_template_has_one_anchor(small_templates):
    assert small_templates["xenon1t"]["er"].shape_values == ({},)
    assert len(small_templates["xenon1t"]["wimp_SI_50GeV"].shape_values) == 5


def test_more_light_more_events_at_low_mass(small_templates):
    sums = small_templates["lz"]["wimp_SI_7GeV"].expected.sum(axis=1)
    assert (np.diff(sums) > 0).all()


def test_background_does_not_depend_on_the_cross_section(small_study):
    assert events_per_rate(small_study, "lz", "er") == 5600 * 1000
    assert events_per_rate(small_study, "lz", "wimp_SI_7GeV") == 5600 * 1000


def test_round_trip_and_columns(tmp_path, small_study, small_templates):
    template = small_templates["xenon1t"]["wimp_SI_10GeV"]
    path = tmp_path / "t.parquet"
    write_template(small_study, "xenon1t", "wimp_SI_10GeV", template, path)
    reread = read_template(small_study, "xenon1t", "wimp_SI_10GeV", path)
    np.testing.assert_array_equal(reread.expected, template.expected)
    np.testing.assert_array_equal(reread.variance, template.variance)
    table, metadata = read_parquet(path)
    assert list(table.columns) == [
        "leff", "cs1_low", "cs1_high", "cs2_low", "cs2_high", "expected_events", "variance",
    ]  # fmt: skip
    assert len(table) == 5 * 67 * 70
    assert (table["cs2_high"] > table["cs2_low"]).all()
    # A row's bin is where its events are: the summed cS2 of the nominal rows is at NR sizes.
    rows = table[table["leff"] == 0]
    mean = np.average(rows["cs2_low"], weights=rows["expected_events"])
    assert 100 < mean < 1500
    assert metadata["units"]["cs1_low"] == "PE"
    with pytest.raises(ResultError):
        read_template(small_study, "xenon1t", "wimp_SI_50GeV", path)


def test_template_of_a_formula_follows_the_exposure(small_study, small_templates):
    for detector, source, events in (
        ("xenon1t", "accidental", 0.22),
        ("xenon1t", "wall", 0.52),
        ("xenon1t", "anomalous", 0.09),
        ("lz", "surface", 0.39),
    ):
        template = small_templates[detector][source]
        assert template.shape_values == ({},)
        assert template.nominal.sum() == pytest.approx(events, rel=1e-5)
    detector = small_study.detectors["xenon1t"]
    longer = dataclasses.replace(
        small_study, detectors={"xenon1t": dataclasses.replace(detector, livetime_day=68.4)}
    )
    assert build(longer, "xenon1t", "wall", {}, {}).nominal.sum() == pytest.approx(1.04)


def test_kde_smooths_a_simulated_template_and_leaves_an_exact_one(small_study, small_responses):
    """Normalised to 1e-6, fewer holes, and nearer to quadrature than the histogram."""
    study = dataclasses.replace(small_study, masses_GeV=(50,))
    coarse = dataclasses.replace(
        study, response_method="simulation", events_per_energy_bin=50, energy_bin_width_log=0.1
    )
    source, table = "wimp_SI_50GeV", spectrum(study, "wimp_SI_50GeV")
    responses, made = {}, {}
    for name, one in (("exact", study), ("simulated", coarse)):
        responses[name] = (
            small_responses["xenon1t"]["nr"]
            if one is study
            else {
                anchor: compute_response(one, "xenon1t", "nr", anchor)
                for anchor in one.anchors("xenon1t", "nr")
            }
        )
        for density in ("histogram", "kde"):
            chosen = dataclasses.replace(one, density=density)
            made[name, density] = build(
                chosen, "xenon1t", source, {"nr": table}, {"nr": responses[name]}
            )
    np.testing.assert_array_equal(
        made["exact", "kde"].expected, made["exact", "histogram"].expected
    )
    raw, smoothed = made["simulated", "histogram"], made["simulated", "kde"]
    np.testing.assert_allclose(smoothed.expected.sum(axis=1), raw.expected.sum(axis=1), rtol=1e-6)
    exact = made["exact", "histogram"].nominal
    distance = [np.abs(t.nominal - exact).sum() for t in (smoothed, raw)]
    assert distance[0] < 0.7 * distance[1]
    assert len(lint(study, "xenon1t", source, made["exact", "histogram"])) == 0


@pytest.mark.parametrize("source", ["wimp_SI_10GeV", "neutrons"])
def test_detector_file_says_how_many_recoils_are_sampled(small_study, source):
    detector = small_study.detectors["xenon1t"]
    few = dataclasses.replace(
        detector,
        signal=dataclasses.replace(detector.signal, n_events=700),
        sources=tuple(dataclasses.replace(s, n_events=700) for s in detector.sources),
    )
    study = dataclasses.replace(small_study, detectors={"xenon1t": few})
    table = spectrum(study, study.spectrum_name("xenon1t", source))
    own, given, other = (
        sample(study, "xenon1t", source, table, stream(1, "own"), n) for n in (None, 700, 600)
    )
    np.testing.assert_array_equal(own.expected, given.expected)
    assert not np.array_equal(own.expected, other.expected)
    with pytest.raises(ValueError, match="wall: no recoils"):
        sample(study, "xenon1t", "wall", table, stream(1, "own"))


def test_lint_names_empty_bins(small_study):
    source = "wimp_SI_10GeV"
    table = spectrum(small_study, source)
    few = sample(small_study, "xenon1t", source, table, stream(1, "few"), 5000)
    row = lint(small_study, "xenon1t", source, few).iloc[0]
    assert row["anchor"] == "nominal"
    assert row["empty_bins"] > 50
    assert 0.1 < row["share_of_events"] < 0.6
    assert re.match(r"cS1 \d+–\d+ PE, cS2 [\d.]+–[\d.]+ PE; cS1", row["bins"])
