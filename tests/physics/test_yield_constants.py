"""Constants of the yields from a detector file, their factors, and charge ratios."""

import nestpy
import numpy as np
import pytest

from zeptobarn.physics.detector import load_detector
from zeptobarn.physics.quadrature import response
from zeptobarn.physics.simulate import histogram, simulate
from zeptobarn.physics.yield_constants import Nest, YieldConstants, constants_from
from zeptobarn.physics.yields import Nuisances, detector_yields, mean_yields
from zeptobarn.support.config import ConfigError
from zeptobarn.support.streams import stream

ENERGIES = np.geomspace(0.5, 50, 30)
# As nestpy takes them.
VECTORS = {
    "nr_parameters": [9.0, 1.05, 0.05, -0.06, 12, 0.35, 2.1, 0.3, 2, 0.5, 1, 1],
    "er_parameters": [35, -1, -1, -1, -1, -1, -1, -1, -1, -1],
    "nr_er_width_parameters": [
        0.6, 0.8, 0.07, 0.45, 0.25, 1.0, -0.002, 0.06, 0.42, 0.25, -0.5, 0.001, 0.002,
    ],
}  # fmt: skip


@pytest.fixture
def detector(tmp_path):
    def load(text, base="xenon1t"):
        path = tmp_path / "mine.yaml"
        path.write_text(f"base: {base}\n{text}\n")
        return load_detector(path)

    return load


def test_the_defaults_are_nestpys_and_a_file_without_any_is_one_with_them(detector):
    assert list(Nest().nr_parameters) == list(nestpy.default_nr_parameters)
    assert list(Nest().er_parameters) == list(nestpy.default_er_parameters)
    assert list(Nest().nr_er_width_parameters) == list(nestpy.default_nr_er_width_parameters)
    apparatus = load_detector("xenon1t").apparatus
    assert constants_from(apparatus.yield_constants) == YieldConstants()
    spelled = detector(
        "yields: {fano: 0.03, quanta_per_keV: 73, lenardo2015: {k: 0.1394, lambda: 1.14},"
        " er_polynomial: {means: [32.5070584, -27.69486517, 15.0427901]}}"
    ).apparatus
    assert constants_from(spelled.yield_constants) == YieldConstants()
    for recoil in ("nr", "er"):
        mine, theirs = (detector_yields(a, recoil, ENERGIES) for a in (spelled, apparatus))
        np.testing.assert_array_equal(mine.photons, theirs.photons)
        np.testing.assert_array_equal(mine.electrons, theirs.electrons)


def test_lenardos_constants_do_what_the_paper_says(detector):
    """Its formulas, written out once more, with every constant changed."""
    text = (
        "yields: {quanta_per_keV: 70, lenardo2015: {alpha: 1.1, beta: 200, gamma: 0.02, "
        "delta: 0.05, zeta: 0.06, eta: 3, lambda: 1.2, k: 0.15}}"
    )
    apparatus = detector(text).apparatus
    eps = 11.5 * ENERGIES * 54 ** (-7 / 3)
    g = 3 * eps**0.15 + 0.7 * eps**0.6 + eps
    quanta = 70 * ENERGIES * 0.15 * g / (1 + 0.15 * g)
    ions = quanta / (1 + 1.1 * 117**-0.06 * (1 - np.exp(-200 * eps)))
    escape = ions * 0.02 * 117**-0.05
    electrons = ions * np.log(1 + escape) / escape
    yields = detector_yields(apparatus, "nr", ENERGIES)
    np.testing.assert_allclose(yields.electrons, electrons, rtol=1e-12)
    np.testing.assert_allclose(
        yields.photons, (quanta - electrons) / (1 + 3 * eps**1.2), rtol=1e-12
    )
    assert yields.fluctuations.quanta_per_keV == 70


def test_the_polynomials_constants(detector):
    text = """
yields:
  fano: 0.1
  er_polynomial: {reference_energy_keV: 4, largest_energy_keV: 20, means: [30, -20, 5],
                  before: [1, 1, 1], after: [1, 1, 1], electron_probability_width: 0.06,
                  components: [[1, 2, 0], [0, 1, 0], [0, 0, 1]]}
"""
    apparatus = detector(text).apparatus
    yields = detector_yields(apparatus, "er", ENERGIES, Nuisances(er_components=(0.5, -1, 0)))
    x = np.log10(np.minimum(ENERGIES, 20) / 4)
    charge = np.clip(30.5 - 20 * x + 5 * x**2, 0, 73)
    np.testing.assert_allclose(yields.electrons, charge * ENERGIES, rtol=1e-12)
    fluctuations = yields.fluctuations
    assert (fluctuations.electron_probability_width, fluctuations.fano) == (0.06, 0.1)


@pytest.mark.parametrize(
    ("model", "species", "energy"), [("nest", "NR", 20.0), ("nest_beta", "beta", 8.0)]
)
def test_nests_vectors_do_what_they_do_in_nestpy(model, species, energy):
    """Means, and the spread of quanta and electrons, of nestpy's own generator."""
    calculator = nestpy.NESTcalc(nestpy.detectors.VDetector())
    means = {name: VECTORS[name] for name in ("nr_parameters", "er_parameters")}
    theirs = calculator.GetYields(getattr(nestpy.interactions, species), energy, 2.9, 180, **means)
    constants = constants_from({"nest": {name: tuple(v) for name, v in VECTORS.items()}})
    mine = mean_yields(model, [energy], 180, constants=constants)
    assert mine.photons == pytest.approx([theirs.PhotonYield], rel=1e-4)
    assert mine.electrons == pytest.approx([theirs.ElectronYield], rel=1e-4)
    plain = mean_yields(model, [energy], 180)
    assert abs(mine.photons[0] / plain.photons[0] - 1) > 0.01
    nestpy.RandomGen.rndm().set_seed(1)
    drawn = [
        calculator.GetQuanta(theirs, 2.9, VECTORS["nr_er_width_parameters"]) for _ in range(20_000)
    ]
    photons, electrons, ions, excitons = (
        np.array([getattr(q, name) for q in drawn], dtype=float)
        for name in ("photons", "electrons", "ions", "excitons")
    )
    numbers = mine.fluctuations
    if model == "nest":
        assert ions.var() / ions.mean() == pytest.approx(numbers.fano[0], rel=0.04)
        assert excitons.var() / excitons.mean() == pytest.approx(numbers.fano_excitons[0], rel=0.04)
        assert numbers.fano[0] > 0.7
        assert numbers.fano_excitons[0] > 0.85
    else:
        total = photons + electrons
        assert total.var() / total.mean() == pytest.approx(numbers.fano[0], rel=0.04)
    r = numbers.recombination[0]
    beyond = np.var(electrons - (1 - r) * ions) - np.mean(r * (1 - r) * ions)
    assert np.sqrt(beyond / np.mean(ions**2)) == pytest.approx(numbers.omega[0], rel=0.04)


def test_quadrature_and_simulation_agree_on_changed_constants(detector):
    """Each way has its own fluctuations; NEST's with unequal Fano factors of ions and excitons."""
    nest = ", ".join(f"{name}: {values}" for name, values in VECTORS.items())
    for models in ("nr: nest, er: nest_beta", "nr: lenardo2015, er: er_polynomial"):
        apparatus = detector(
            f"yields: {{{models}, fano: 0.5, quanta_per_keV: 71, nest: {{{nest}}}}}\n"
            "analysis_space: {cs1: {low: 3, high: 63, bins: 6}, cs2: {bins: 8}}"
        )
        for recoil, edges in (("nr", [12.0, 14.0]), ("er", [4.0, 4.5])):
            exact = response(apparatus.apparatus, recoil, apparatus.space, np.array(edges))
            drawn, variance, _ = histogram(
                apparatus.apparatus,
                recoil,
                apparatus.space,
                np.array(edges),
                40_000,
                [stream(1, models, recoil)],
            )
            filled = exact[0] > 1e-3
            pulls = (drawn[0] - exact[0])[filled] / np.sqrt(variance[0][filled])
            assert filled.sum() >= 6
            assert np.abs(pulls).max() < 4.5, (models, recoil)


@pytest.mark.parametrize("model", ["er_polynomial", "nest_beta", "nest_gamma"])
def test_a_charge_ratio_keeps_all_quanta(model):
    plain = mean_yields(model, ENERGIES, 193)
    captured = mean_yields(model, ENERGIES, 193, charge_ratio=0.88)
    np.testing.assert_allclose(captured.electrons, 0.88 * plain.electrons, rtol=1e-12)
    np.testing.assert_allclose(
        captured.photons + captured.electrons, plain.photons + plain.electrons, rtol=1e-12
    )
    most = mean_yields(model, ENERGIES, 193, charge_ratio=2.0)
    assert (most.photons >= 0).all()
    np.testing.assert_allclose(
        most.photons + most.electrons, plain.photons + plain.electrons, rtol=1e-12
    )


@pytest.mark.parametrize("model", ["nest", "nest_beta", "nest_gamma"])
@pytest.mark.parametrize("quanta", ["photon", "electron"])
@pytest.mark.parametrize("factor", [0.7, 0.95, 1.2])
def test_factors_on_nests_means(model, quanta, factor):
    """The means that recoils are drawn with are the scaled ones, whatever recombination must do."""
    recoil = "nr" if model == "nest" else "er"
    plain = mean_yields(model, ENERGIES, 193)
    changed = mean_yields(model, ENERGIES, 193, Nuisances(**{f"{recoil}_{quanta}_yield": factor}))
    scaled = {"photon": plain.photons, "electron": plain.electrons}
    scaled[quanta] = factor * scaled[quanta]
    np.testing.assert_allclose(changed.photons, scaled["photon"], rtol=1e-12)
    np.testing.assert_allclose(changed.electrons, scaled["electron"], rtol=1e-12)
    drawn = changed.fluctuations
    np.testing.assert_allclose(
        (1 - drawn.recombination) * drawn.ions, scaled["electron"], rtol=1e-9
    )
    np.testing.assert_allclose(drawn.ions + drawn.excitons, sum(scaled.values()), rtol=1e-9)
    other = "er" if recoil == "nr" else "nr"
    untouched = mean_yields(model, ENERGIES, 193, Nuisances(**{f"{other}_{quanta}_yield": factor}))
    np.testing.assert_array_equal(untouched.photons, plain.photons)


def test_factors_on_the_older_models():
    nuisances = Nuisances(nr_photon_yield=1.1, nr_electron_yield=0.9, er_electron_yield=1.02)
    plain, changed = (
        mean_yields("lenardo2015", ENERGIES, 117, n) for n in (Nuisances(), nuisances)
    )
    np.testing.assert_allclose(changed.photons, 1.1 * plain.photons, rtol=1e-12)
    np.testing.assert_allclose(changed.electrons, 0.9 * plain.electrons, rtol=1e-12)
    plain, changed = (
        mean_yields("er_polynomial", ENERGIES, 117, n) for n in (Nuisances(), nuisances)
    )
    most = np.minimum(1.02 * plain.electrons, 73 * ENERGIES)
    np.testing.assert_allclose(changed.electrons, most, rtol=1e-12)
    np.testing.assert_allclose(changed.photons + changed.electrons, 73 * ENERGIES, rtol=1e-12)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("yields: {lenardo2015: {k: -1}}", "line 2: yields.lenardo2015.k: found -1; allowed: > 0"),
        ("yields: {lenardo2015: {kappa: 1}}", "unknown key 'kappa'"),
        ("yields: {er_polynomial: {means: [1, 2]}}", "yields.er_polynomial.means: .*too short"),
        ("yields: {nest: {er_parameters: [1]}}", "yields.nest.er_parameters: .*too short"),
        (
            "yields: {nest: {nr_er_width_parameters: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]}}",
            r"nr_er_width_parameters\[4\]: found 0; allowed: ≥ 0.01",
        ),
        ("sources: [{name: er, yields: nest}]", r"sources\[0\].yields: found nest with recoil: er"),
        (
            "sources: [{name: neutrons, charge_ratio: 0.9}]",
            "charge_ratio: found it with recoil: nr",
        ),
        ("sources: [{name: wall, charge_ratio: 0.9}]", "charge_ratio: found it without recoil"),
        ("sources: [{name: er, charge_ratio: 0}]", "charge_ratio: found 0; allowed: ≥ 0.01"),
    ],
)
def test_constants_that_are_wrong(detector, text, problem):
    with pytest.raises(ConfigError, match=problem):
        detector(text)


def test_the_skewness_of_electronic_recoils_is_nests_times_a_factor(detector):
    """Simulated S2s of a line: LUX's long tail of charge without a factor, hardly any with 0."""
    skewness = {}
    for factor in (0, 1, None):
        text = "" if factor is None else f"yields: {{nest: {{er_skewness: {factor}}}}}"
        apparatus = detector(text, "lz_ws2022").apparatus
        drawn = detector_yields(apparatus, "er", ENERGIES).fluctuations.skewness
        skewness[factor] = drawn
        _, cs2 = simulate(apparatus, "er", np.full(40_000, 10.0), stream(1, "skewness"))
        cs2 = cs2[~np.isnan(cs2)]
        seen = np.mean(((cs2 - cs2.mean()) / cs2.std()) ** 3)
        assert 0 < seen < 0.15 if factor == 0 else 0.4 < seen < 0.7
    np.testing.assert_array_equal(skewness[0], 0)
    np.testing.assert_array_equal(skewness[1], skewness[None])
    assert (skewness[1] > 1).all()
