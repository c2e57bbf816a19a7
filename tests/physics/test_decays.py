import numpy as np
import pytest
from scipy.integrate import quad

from zeptobarn.physics.decays import (
    ELECTRON_KEV,
    ISOTOPES,
    XENON136,
    beta_shape,
    decay,
    double_beta_shape,
    electron_shape,
)


def moments(shape, q_value_keV):
    """Integral and mean of a spectrum by adaptive quadrature."""
    total, first = (
        quad(lambda e, k=k: e**k * shape(np.array([e]))[0], 0, q_value_keV, epsrel=1e-9)[0]
        for k in (0, 1)
    )
    return total, first / total


@pytest.mark.parametrize(
    ("isotope", "mean_keV", "within"),
    # As they are tabulated.
    [("tritium", 5.68, 0.02), ("carbon14", 49.5, 0.15)],
)
def test_mean_energy_of_beta_decays(isotope, mean_keV, within):
    q_value_keV, daughter_z = ISOTOPES[isotope]
    mean = moments(lambda e: beta_shape(e, q_value_keV, daughter_z), q_value_keV)[1]
    assert mean == pytest.approx(mean_keV, abs=within)


def test_without_charge_a_beta_decay_fills_phase_space():
    """Fermi's function is 1: p W (Q − T)², whose ends are known."""
    energies = np.array([0.0, 100.0, 400.0, 600.0, 700.0])
    momentum_keV = np.sqrt(energies**2 + 2 * energies * ELECTRON_KEV)
    expected = momentum_keV * (energies + ELECTRON_KEV) * np.maximum(600.0 - energies, 0) ** 2
    np.testing.assert_allclose(
        beta_shape(energies, 600.0, 0)[1:], expected[1:] / ELECTRON_KEV**4, rtol=1e-12, atol=0
    )
    assert beta_shape([0.0], 600.0, 0)[0] < 1e-5


def test_slow_electrons_are_drawn_to_the_nucleus():
    """Nonrelativistic, F is 2πη/(1 − e^(−2πη)) (Sommerfeld), and the rate at 0 keV is finite."""
    energies_keV, z = np.array([1e-3, 0.01, 0.1, 1.0]), 2
    kinetic = energies_keV / ELECTRON_KEV
    momentum = np.sqrt(kinetic * (kinetic + 2))
    eta = z * (1 + kinetic) / (137.036 * momentum)
    sommerfeld = 2 * np.pi * eta / -np.expm1(-2 * np.pi * eta)
    ours = electron_shape(kinetic, z) / (momentum * (1 + kinetic) * sommerfeld)
    np.testing.assert_allclose(ours / ours[0], 1, rtol=2e-3)
    first, second = beta_shape([0.0, 1e-6], 18.592, 2)
    assert first > 0
    assert first == pytest.approx(second, rel=1e-3)


def test_double_beta_decay_against_an_integral_by_another_method():
    q_value_keV, daughter_z = XENON136

    def by_quad(total_keV):
        def inside(one_keV):
            pair = np.array([one_keV, total_keV - one_keV]) / ELECTRON_KEV
            return np.prod(electron_shape(pair, daughter_z))

        return quad(inside, 0, total_keV, epsrel=1e-8)[0] * (q_value_keV - total_keV) ** 5

    energies = np.array([1.0, 30.0, 400.0, 1500.0, 2400.0])
    ours, expected = double_beta_shape(energies, *XENON136), np.array(list(map(by_quad, energies)))
    np.testing.assert_allclose(ours / ours[2], expected / expected[2], rtol=1e-5)
    np.testing.assert_array_equal(double_beta_shape([0.0, q_value_keV, 3000.0], *XENON136), 0)


def test_double_beta_decay_beside_primakoff_and_rosen():
    """Their approximation has a fifth less below 30 keV, and a mean 3 % higher."""
    q_value_keV = XENON136[0]

    def simple(energies_keV):
        k = np.asarray(energies_keV) / ELECTRON_KEV
        series = 1 + 2 * k + 4 * k**2 / 3 + k**3 / 3 + k**4 / 30
        return k * (q_value_keV / ELECTRON_KEV - k) ** 5 * series

    ours, mean = moments(lambda e: double_beta_shape(e, *XENON136), q_value_keV)
    theirs, simple_mean = moments(simple, q_value_keV)
    low = np.array([1.0, 10.0, 30.0])
    ratio = simple(low) / theirs / (double_beta_shape(low, *XENON136) / ours)
    np.testing.assert_allclose(ratio, 0.81, atol=0.02)
    assert simple_mean / mean == pytest.approx(1.028, abs=0.005)


def test_settings_name_a_decay():
    assert decay({"kind": "beta", "isotope": "tritium"}) == ISOTOPES["tritium"]
    assert decay({"kind": "beta", "q_value_keV": 687.1, "daughter_z": 37}) == (687.1, 37)
    assert decay({"kind": "two_neutrino_double_beta"}) == XENON136
