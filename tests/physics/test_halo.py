import dataclasses
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import constants
from scipy.integrate import quad

import wimp
from zeptobarn.physics.halo import (
    _LIGHT_KM_S,
    ATOMIC_MASS_UNIT_GEV,
    HALOS,
    Halo,
    available_keV,
    earth_km_s,
    fastest_km_s,
    mean_inverse_speed,
    slowest_km_s,
)

# Beside those of the configuration: a fast one, and one with an end inside the Earth's speed.
EXTREMES = {"fast": Halo(300, 544, 0.3), "narrow": Halo(220, 200, 0.3), "cold": Halo(40, 544, 0.3)}
EVERY = [pytest.param(halo, id=name) for name, halo in {**HALOS, **EXTREMES}.items()]


def test_constants_of_nature():
    in_MeV, _, error = constants.physical_constants["atomic mass constant energy equivalent in MeV"]
    assert pytest.approx(1e-3 * in_MeV, abs=1e-3 * error) == ATOMIC_MASS_UNIT_GEV
    assert constants.c == 1e3 * _LIGHT_KM_S


@pytest.mark.parametrize("halo", EVERY)
def test_the_distribution_integrates_to_one(halo):
    """∫ f(v) dv is the integral of the mean inverse speed over all slowest speeds."""
    edges = sorted([0, abs(halo.v_esc_km_s - earth_km_s(halo)), fastest_km_s(halo)])
    parts = [
        quad(lambda v: float(mean_inverse_speed(v, halo)), *ends, epsabs=0, epsrel=1e-9)[0]
        for ends in pairwise(edges)
    ]
    assert sum(parts) == pytest.approx(1, rel=1e-6, abs=0)


@pytest.mark.parametrize("halo", EVERY)
def test_mean_inverse_speed_is_an_average_over_the_galaxy(halo):
    """From rest to the largest speed, below and above the speed where the escape sets in."""
    fastest = fastest_km_s(halo)
    for speed in [0, *np.linspace(0.02, 0.98, 13) * fastest, 0.999 * fastest]:
        expected = wimp.mean_inverse_speed(speed, halo, earth_km_s(halo))
        assert float(mean_inverse_speed(speed, halo)) == pytest.approx(
            expected, rel=1e-7, abs=1e-16
        )
    beyond = np.array([1, 1 + 1e-12, 1.5, 100]) * fastest
    assert (mean_inverse_speed(beyond, halo) == 0).all()


@given(st.floats(0, 1000), st.floats(0, 1000))
def test_fewer_wimps_are_faster(one, other):
    slow, fast = mean_inverse_speed(sorted([one, other]), HALOS["baxter2021"])
    assert slow >= fast >= 0


@pytest.mark.parametrize("name", HALOS)
def test_speed_of_the_earth(name):
    """wimprates's, at the day that it takes for the mean."""
    wr, nu = wimp.wimprates()
    km_s = nu.km / nu.s
    expected = wr.v_earth(v_0=HALOS[name].v0_km_s * km_s) / km_s
    assert earth_km_s(HALOS[name]) == pytest.approx(expected, rel=1e-6)


def test_mean_speed_of_the_year():
    """To 0.3 %, that day's speed is the mean over the year, which wimprates computes by day."""
    wr, nu = wimp.wimprates()
    km_s = nu.km / nu.s
    speeds = [wr.v_earth(day, v_0=238 * km_s) / km_s for day in np.arange(0, 365.25, 365.25 / 24)]
    assert earth_km_s(HALOS["baxter2021"]) == pytest.approx(np.mean(speeds), rel=3e-3)


def test_slowest_speed_conserves_energy_and_momentum():
    """Head-on, the whole momentum is turned round; an excitation takes all that there is."""
    mass, nucleus, speed = 50.0, 122.3, 300.0
    reduced = mass * nucleus / (mass + nucleus)
    largest = 2e6 * reduced**2 / nucleus * (speed / 299792.458) ** 2
    assert float(slowest_km_s(largest, mass, nucleus)) == pytest.approx(speed)
    available = available_keV(mass, nucleus, speed)
    assert available == pytest.approx(largest * nucleus / (4 * reduced))
    # Both stick together: the nucleus has the speed of the centre of mass.
    together = largest / 4
    assert float(slowest_km_s(together, mass, nucleus, available)) == pytest.approx(speed)


def test_density_does_not_change_speeds():
    denser = dataclasses.replace(HALOS["baxter2021"], rho_GeV_cm3=3.0)
    assert fastest_km_s(denser) == fastest_km_s(HALOS["baxter2021"])
