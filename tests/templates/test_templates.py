import dataclasses
import re

import numpy as np
import pytest

from zeptobarn.support.streams import stream
from zeptobarn.support.tables import ResultError, read_parquet
from zeptobarn.templates.building import build
from zeptobarn.templates.response import compute_response
from zeptobarn.templates.sampling import sample
from zeptobarn.templates.spectra import spectrum
from zeptobarn.templates.templates import lint, read_template, write_template


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


def test_lint_names_empty_bins(small_study):
    source = "wimp_SI_10GeV"
    table = spectrum(small_study, source)
    few = sample(small_study, "xenon1t", source, table, stream(1, "few"), 5000)
    row = lint(small_study, "xenon1t", source, few).iloc[0]
    assert row["anchor"] == "nominal"
    assert row["empty_bins"] > 50
    assert 0.1 < row["share_of_events"] < 0.6
    assert re.match(r"cS1 \d+–\d+ PE, cS2 [\d.]+–[\d.]+ PE; cS1", row["bins"])
