"""Yields per keV of every model, and the one that the detector uses."""

import numpy as np
import pytest
from drawing import draw_and_keep, draw_twice, edges_of, line_of, look_of

from zeptobarn.figures import yields as figures
from zeptobarn.physics.apparatus import MODELS
from zeptobarn.physics.yields import mean_yields
from zeptobarn.templates.response import apparatus_at


@pytest.fixture(scope="module")
def figure(study):
    return draw_and_keep(lambda files: figures.draw(study, "xenon1t", files))


def test_files_are_the_same_twice(tmp_path, study):
    draw_twice(tmp_path, lambda files: figures.draw(study, "xenon1t", files))


def test_yields_are_those_of_the_models(study, figure):
    apparatus = study.detectors["xenon1t"].apparatus
    field = apparatus.drift_field_V_per_cm
    density = apparatus.liquid_density_g_per_cm3
    for row, recoil in zip(np.reshape(figure.axes, (2, 2)), ("nr", "er"), strict=True):
        for axis, quanta in zip(row, ("photons", "electrons"), strict=True):
            for model in MODELS[recoil]:
                x, y = line_of(axis, model)
                expected = getattr(mean_yields(model, x, field, density_g_per_cm3=density), quanta)
                np.testing.assert_allclose(y * x, expected)
                full = model == apparatus.yields[recoil]
                assert look_of(axis, label=model, linestyle="-" if full else "--")
            (cutoff,) = look_of(axis, linestyle=":")
            assert cutoff.get_xdata() == [apparatus.response_cutoff_keV[recoil]] * 2
            assert axis.get_xlabel() == "recoil energy [keV]"
            assert axis.get_xscale() == "log"
            kind = {"nr": "nuclear", "er": "electronic"}[recoil]
            assert axis.get_title() == f"{kind} recoils: {quanta}"
        assert row[0].get_ylabel() == "mean yield [1/keV]"
    assert figure.get_suptitle() == f"XENON1T SR0: yields at {field:g} V/cm"


def test_the_band_is_leff_one_sigma_up_and_down(study, figure):
    apparatus = study.detectors["xenon1t"].apparatus
    (band,) = [collection for axis in figure.axes for collection in axis.collections]
    assert band.axes is figure.axes[0]
    assert band.get_label() == r"$L_\mathrm{eff}$ ±1σ"
    x, *ends = edges_of(band)
    for end, sigmas in zip(ends, (-1.0, 1.0), strict=True):
        nuisances = apparatus_at(study, "xenon1t", {"leff": sigmas})[1]
        expected = mean_yields(
            apparatus.yields["nr"], x, apparatus.drift_field_V_per_cm, nuisances,
            apparatus.liquid_density_g_per_cm3,
        ).photons  # fmt: skip
        np.testing.assert_allclose(end * x, expected)
