import dataclasses
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from zeptobarn.study.slices.response import response_slice
from zeptobarn.support.config import ConfigError
from zeptobarn.support.tables import ResultError
from zeptobarn.templates.response import (
    check_light,
    compute_response,
    energy_edges,
    read_response,
    write_response,
)


def test_energy_bins():
    edges = energy_edges(0.1, 150, 0.0125)
    widths = np.diff(np.log(edges))
    assert edges[0] == pytest.approx(0.1)
    assert edges[-1] == pytest.approx(150)
    assert (widths[edges[1:] <= 5] <= 0.0125 + 1e-9).all()
    assert (widths <= 0.05 + 1e-9).all()


def test_only_low_energies_or_only_high_ones():
    assert energy_edges(0.1, 2, 0.1)[-1] == pytest.approx(2)
    assert energy_edges(8, 20, 0.1)[0] == pytest.approx(8)
    for edges in (energy_edges(0.1, 2, 0.1), energy_edges(8, 20, 0.1)):
        assert (np.diff(edges) > 0).all()


@pytest.fixture(scope="module")
def response(small_responses):
    return small_responses["xenon1t"]["nr"]["leff_0"]


@pytest.fixture(scope="module")
def simulated_study(small_study):
    return dataclasses.replace(small_study, response_method="simulation")


def test_probabilities(response):
    assert response.probability.data.min() > 0
    assert response.acceptance.max() <= 1
    assert response.acceptance.max() > 0.9
    assert response.acceptance[-1] < 1e-3


@pytest.mark.slow
def test_variance_is_that_of_repetition(simulated_study):
    """Twenty responses of other seeds scatter as their variances say."""
    study = dataclasses.replace(
        simulated_study, events_per_energy_bin=3000, energy_bin_width_log=0.1
    )
    runs = [
        compute_response(dataclasses.replace(study, seed=seed), "xenon1t", "nr", "leff_0")
        for seed in range(20)
    ]
    values = np.array([r.probability.toarray().ravel() for r in runs])
    predicted = np.mean([r.variance.toarray().ravel() for r in runs], axis=0)
    well_filled = (values > 0).all(axis=0)
    ratio = values.var(axis=0, ddof=1)[well_filled].sum() / predicted[well_filled].sum()
    degrees = 19 * well_filled.sum()
    assert well_filled.sum() > 100
    assert ratio == pytest.approx(1, abs=6 * np.sqrt(2 / degrees) + 0.02)


@pytest.mark.slow
def test_simulation_scatters_around_quadrature(simulated_study, response):
    runs = [
        compute_response(dataclasses.replace(simulated_study, seed=s), "xenon1t", "nr", "leff_0")
        for s in (1, 99)
    ]
    assert (runs[0].acceptance != runs[1].acceptance).any()
    for run in runs:
        error = np.sqrt(np.asarray(run.variance.sum(axis=1)).ravel() + 1e-12)
        pulls = (run.acceptance - response.acceptance) / error
        seen = (response.acceptance > 0.01) & (response.acceptance < 0.99)
        assert stats.kstest(pulls[seen], "norm").pvalue > 1e-4


def test_quadrature_needs_no_seed(small_study, response):
    other = dataclasses.replace(small_study, seed=99, events_per_energy_bin=1)
    assert response_slice(other, "xenon1t", "nr", "leff_0") == response_slice(
        small_study, "xenon1t", "nr", "leff_0"
    )
    assert not response.variance.data.any()


def test_less_light_is_seen_less(small_responses, response):
    dim = small_responses["xenon1t"]["nr"]["leff_-2"]
    threshold = (response.acceptance > 0.02) & (response.acceptance < 0.8)
    assert (dim.acceptance < response.acceptance)[threshold][:10].all()


def test_too_small_an_energy_range_is_refused(small_study):
    detector = small_study.detectors["xenon1t"]
    narrow = replace(detector.apparatus, response_max_keV={"nr": 20, "er": 30})
    study = dataclasses.replace(
        small_study, detectors={"xenon1t": dataclasses.replace(detector, apparatus=narrow)}
    )
    with pytest.raises(ConfigError, match=r"response_max_keV\.nr: found 20; .*raise it"):
        compute_response(study, "xenon1t", "nr", "leff_0")


def test_anchors_without_light_are_refused(small_study):
    """The published curves reach to -3; straight on, light ends, at low energies first."""
    (leff,) = (shape for shape in small_study.shapes if shape.parameter == "leff")

    def at(lowest):
        anchors = (lowest, *leff.anchors)
        return replace(small_study, shapes=(replace(leff, anchors=anchors),))

    check_light(at(-4))
    name = next(iter(small_study.detectors))
    for refuse in (check_light, lambda study: compute_response(study, name, "nr", "nominal")):
        with pytest.raises(ConfigError, match=r"anchor -15, a nuclear recoil of .* photons; all"):
            refuse(at(-15))


def test_round_trip(tmp_path, small_study, response):
    place = "xenon1t", "nr", "leff_0"
    write_response(small_study, *place, response, tmp_path / "r.parquet")
    reread = read_response(small_study, *place, tmp_path / "r.parquet")
    np.testing.assert_array_equal(reread.energy_edges_keV, response.energy_edges_keV)
    for name in ("probability", "variance"):
        assert (getattr(reread, name) != getattr(response, name)).nnz == 0
    with pytest.raises(ResultError):
        read_response(small_study, "xenon1t", "nr", "leff_1", tmp_path / "r.parquet")
