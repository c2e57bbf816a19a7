from dataclasses import replace

import numpy as np
import pytest

from zeptobarn.physics.yields import QUANTA_PER_KEV, Nuisances, detector_yields, mean_yields

ENERGIES = np.geomspace(0.1, 100, 60)


@pytest.mark.parametrize("field", [81, 117, 310])
def test_lenardo_quanta_are_physical(field):
    yields = mean_yields("lenardo2015", ENERGIES, field)
    total = yields.photons + yields.electrons
    assert (yields.photons > 0).all()
    assert (yields.electrons > 0).all()
    assert (total < QUANTA_PER_KEV * ENERGIES).all()
    assert (np.diff(total) > 0).all()


def test_a_stronger_field_frees_electrons():
    weak, strong = (mean_yields("lenardo2015", ENERGIES, f) for f in (100, 400))
    assert (strong.electrons > weak.electrons).all()
    assert (strong.photons < weak.photons).all()


def test_er_quanta_add_up_and_clip():
    yields = mean_yields("er_polynomial", ENERGIES, 117)
    np.testing.assert_allclose(yields.photons + yields.electrons, QUANTA_PER_KEV * ENERGIES)
    # Below 0.53 keV the parabola would pass 73 electrons/keV.
    assert yields.photons[0] == 0
    per_keV = yields.electrons / ENERGIES
    assert np.ptp(per_keV[ENERGIES > 12]) < 1e-12


def test_leff_scales_light_alone():
    low, mean, high = (
        mean_yields("lenardo2015", [1.0, 3.0, 10.0, 80.0], 117, Nuisances(leff))
        for leff in (-2, 0, 1)
    )
    np.testing.assert_allclose(
        low.photons / mean.photons, 1 - 2 * np.array([0.135, 0.135, 0.058, 0.048])
    )
    np.testing.assert_allclose(
        high.photons / mean.photons, 1 + np.array([0.135, 0.135, 0.058, 0.048])
    )
    np.testing.assert_array_equal(low.electrons, mean.electrons)


def test_leff_without_light_below_2_keV():
    low, high = (
        mean_yields("lenardo2015", [1.9, 2.1], 117, Nuisances(leff, "zero_below_2keV"))
        for leff in (-1, 1)
    )
    assert low.photons[0] == 0 < low.photons[1]
    assert (high.photons > 0).all()


def test_nuisances_of_the_other_recoil_type_change_nothing():
    assert mean_yields("er_polynomial", 5.0, 117, Nuisances(leff=1)) == mean_yields(
        "er_polynomial", 5.0, 117
    )
    changed = mean_yields("lenardo2015", 5.0, 117, Nuisances(er_components=(1.0, 1.0, 1.0)))
    assert changed == mean_yields("lenardo2015", 5.0, 117)


def test_er_components_turn_light_into_charge():
    """One standard deviation of each, by hand from the published matrix, at 5 keV."""
    nominal = mean_yields("er_polynomial", 5.0, 117)
    for component, shift in (
        (0, 1.32333778 * 0.693707206 * 0.289709323),
        (1, 0.973308940 * -0.0368675868 * 0.289709323),
        (2, 0.549041719 * 0.71931293 * 0.289709323),
    ):
        values = [0.0, 0.0, 0.0]
        values[component] = 1.0
        yields = mean_yields("er_polynomial", 5.0, 117, Nuisances(er_components=tuple(values)))
        assert yields.electrons - nominal.electrons == pytest.approx(5 * shift, rel=1e-9)
        assert yields.photons + yields.electrons == pytest.approx(365)


def test_lindhard_k_scales_the_quanta():
    nominal, more = (
        mean_yields("lenardo2015", 10.0, 117, Nuisances(lindhard_k=k)) for k in (1.0, 1.1)
    )
    assert 1.05 < (more.photons / nominal.photons) < 1.1
    assert more.electrons > nominal.electrons


@pytest.mark.parametrize("leff", [-2, -1, 1, 2])
def test_leff_of_nest_changes_light_alone(leff):
    """Excitons come or go; ions and recombination, and with them the electrons, stay."""
    energies = np.array([0.5, 1.0, 3.0, 10.0, 50.0])
    nominal, changed = (mean_yields("nest", energies, 310, Nuisances(t)) for t in (0, leff))
    np.testing.assert_array_equal(changed.electrons, nominal.electrons)
    width = np.array([0.135, 0.135, 0.135, 0.058, 0.048])
    np.testing.assert_allclose(changed.photons / nominal.photons, 1 + leff * width)
    for yields in (nominal, changed):
        drawn = yields.fluctuations
        recombined = drawn.ions * drawn.recombination
        np.testing.assert_allclose(drawn.ions - recombined, yields.electrons, rtol=1e-9)
        np.testing.assert_allclose(drawn.excitons + recombined, yields.photons, rtol=1e-9)
    np.testing.assert_array_equal(changed.fluctuations.ions, nominal.fluctuations.ions)


def test_nest_without_light():
    """Less light than the ions' recombination gives takes it from there."""
    yields = mean_yields("nest", [1.5, 2.5], 310, Nuisances(-2, "zero_below_2keV"))
    drawn = yields.fluctuations
    assert yields.photons[0] == 0 < yields.photons[1]
    assert drawn.excitons[0] == drawn.recombination[0] == 0
    assert drawn.ions[0] == pytest.approx(yields.electrons[0])
    assert yields.electrons[0] == mean_yields("nest", 1.5, 310).electrons


def test_nest_ends():
    """Nothing below 0.01 keV, no extrapolation above 300 keV, no skewness at extreme fields."""
    assert mean_yields("nest_beta", 0.005, 310).electrons == 0
    with pytest.raises(ValueError, match=r"nest: found 301 keV; allowed: ≤ 300 keV"):
        mean_yields("nest", [10.0, 301.0], 310)
    assert (mean_yields("nest", [10.0], 310).fluctuations.skewness == 2.25).all()
    for field in (30, 4500):
        assert (mean_yields("nest", [10.0], field).fluctuations.skewness == 0).all()


def test_nest_depends_on_the_density():
    light, dense = (mean_yields("nest_beta", 5.0, 310, density_g_per_cm3=d) for d in (2.6, 3.05))
    assert light.electrons != dense.electrons
    assert light.fluctuations.fano != dense.fluctuations.fano


@pytest.mark.parametrize("model", ["er_polynomial", "nest_beta"])
def test_a_wider_electronic_recoil_band(small_study, model):
    """Only the fluctuation beyond the binomial is wider, and only that of electronic recoils."""
    apparatus = replace(
        small_study.detectors["xenon1t"].apparatus, yields={"nr": "lenardo2015", "er": model}
    )
    energies = np.array([2.0, 10.0])
    wide = replace(apparatus, er_recombination_width=1.5)
    before, after = (detector_yields(s, "er", energies) for s in (apparatus, wide))
    np.testing.assert_array_equal(before.photons, after.photons)
    np.testing.assert_array_equal(before.electrons, after.electrons)
    if model == "er_polynomial":
        assert after.fluctuations.electron_probability_width == pytest.approx(1.5 * 0.045)
    else:
        np.testing.assert_allclose(after.fluctuations.omega, 1.5 * before.fluctuations.omega)
        np.testing.assert_array_equal(after.fluctuations.fano, before.fluctuations.fano)
    nuclear = [detector_yields(s, "nr", energies).fluctuations for s in (apparatus, wide)]
    assert nuclear[0] == nuclear[1]
