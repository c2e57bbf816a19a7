import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.sparse import csr_array

from zeptobarn.inference.construction import TIES
from zeptobarn.inference.load import make_model
from zeptobarn.inference.problem import Data, fits_at, predict
from zeptobarn.physics.detector import AnalysisSpace
from zeptobarn.study.settings import Interval
from zeptobarn.summary.sensitivity import (
    BANDS,
    asimov_limits,
    replica,
    replica_templates,
    source_widths,
    template_bias,
)
from zeptobarn.templates.building import build
from zeptobarn.templates.response import Response, compute_response
from zeptobarn.templates.spectra import source_tables
from zeptobarn.templates.templates import Template, kernel_widths, smoothed
from zeptobarn.templates.toys import throw

ORDER = (
    "asimov_minus2sigma_cm2",
    "asimov_minus1sigma_cm2",
    "asimov_cm2",
    "asimov_plus1sigma_cm2",
    "asimov_plus2sigma_cm2",
)
NUMBERS = (-2, -1, 0, 1, 2)
SIGNAL = "wimp_SI_50GeV"
NOMINAL = {"leff": 0.0}
KINDS = {
    "upper": Interval("upper", NOMINAL, ()),
    "cls": Interval("cls", NOMINAL, (), "upper", True),
    "unified": Interval("unified", NOMINAL, (), "unified"),
    "central": Interval("central", NOMINAL, (), "central"),
}


@pytest.fixture(scope="module")
def model(small_study, small_templates):
    return make_model(small_study, "xenon1t", 50, "SI", small_templates)


@pytest.fixture(scope="module")
def full_study(small_study):
    """LZ with 5 × 4 bins."""
    lz = small_study.detectors["lz"]
    space = AnalysisSpace(np.linspace(3, 80, 6), np.geomspace(400, 50_000, 5))
    sources = (lz.source("er"), lz.source("neutrons"))
    lz = dataclasses.replace(lz, space=space, sources=sources)
    return dataclasses.replace(small_study, detectors={"lz": lz})


@pytest.fixture(scope="module")
def full_model(full_study):
    """Thousands of background events in 20 bins: all is normal there."""
    place = np.linspace(0, 1, 20)
    anchors = tuple({"leff": float(a)} for a in range(-2, 3))
    signal = np.exp(-2 * place) / np.exp(-2 * place).sum()
    rows = {
        SIGNAL: np.array([50 * signal * np.exp(0.1 * a["leff"] * place) for a in anchors]),
        "er": np.full((1, 20), 150.0),
        "neutrons": np.array([80 * signal for _ in anchors]),
    }
    templates = {
        name: Template(({},) if name == "er" else anchors, expected, 0 * expected)
        for name, expected in rows.items()
    }
    return make_model(full_study, "lz", 50, "SI", {"lz": templates})


def statistic(model, interval, limits):
    """q̃ of the Asimov dataset at limits (cm²), by a scan of its own.

    With shapes fixed elsewhere, some bins of the nominal dataset have no density: left out.
    """
    problem, data = model.problem(interval), model.asimov()
    if model.study.datasets == "own":
        expected = np.concatenate(predict(problem, np.append(0.0, problem.nominal[1:])))
        data = Data(np.arange(len(expected)), expected, data.offsets, data.exposure, {})
    kept = problem.structure.density[data.bins].any(axis=1)
    assert data.weights[~kept].sum() < 1e-2
    data = Data(
        data.bins[kept], data.weights[kept], np.array([[0, kept.sum()]]), np.ones((1, 1)), {}
    )
    events = np.array(limits) / model.study.reference_cross_section_cm2 * model.signal_events
    best, fits = fits_at(problem, data, events)
    assert (best[0] <= events).all()
    return fits[0, :, 0]


def reach(kind, n):
    """μ/σ at the upper end for a best fit of n σ, where the statistic has a closed form."""
    if kind == "cls":
        return n + stats.norm.ppf(1 - 0.1 * stats.norm.cdf(n))
    critical = stats.norm.ppf({"upper": 0.9, "central": 0.95}[kind]) ** 2
    return n + critical**0.5 if n >= 0 else n + (n * n + critical) ** 0.5


# Asimov limits


@pytest.mark.parametrize("datasets", ["own", "nominal"])
@pytest.mark.parametrize("name", ["leff_nominal", "leff_low", "profiled"])
@pytest.mark.parametrize("mass", [10, 50])
def test_the_median_solves_the_asimov_statistic(small_study, small_templates, name, mass, datasets):
    small_study = dataclasses.replace(small_study, datasets=datasets)
    for target in ("xenon1t", "lz"):
        model = make_model(small_study, target, mass, "SI", small_templates)
        interval = model.interval(name)
        bands = asimov_limits(model, interval)
        assert list(bands) == list(BANDS)
        values = [bands[band] for band in ORDER]
        assert values == sorted(values)
        assert len(set(values)) == 5
        assert values[0] > 0
        q = statistic(model, interval, values)
        assert q[2] == pytest.approx(1.6424, rel=1e-4)
        np.testing.assert_allclose(q, [reach("upper", n) ** 2 for n in NUMBERS], rtol=1e-4)


@pytest.mark.parametrize("kind", ["upper", "cls", "central"])
def test_bands_reach_as_far_as_the_closed_forms(full_model, kind):
    """For CLs, μ = N + Φ⁻¹(1 − α Φ(N)) in σ."""
    bands = asimov_limits(full_model, KINDS[kind])
    q = statistic(full_model, KINDS[kind], [bands[band] for band in ORDER])
    np.testing.assert_allclose(q, [reach(kind, n) ** 2 for n in NUMBERS], rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_ordered_numbers(model, full_model, kind):
    for each in (model, full_model):
        bands = asimov_limits(each, KINDS[kind])
        values = np.array([bands[band] for band in ORDER])
        assert np.isfinite(values).all()
        assert (np.diff(values) > 0).all()
        assert values[0] > 0


def test_kinds_compare(full_model):
    """CLs never excludes more than the plain limit; central ends lie above one-sided ones."""
    upper, cls, unified, central = (asimov_limits(full_model, KINDS[kind]) for kind in KINDS)
    for band in BANDS:
        assert cls[band] > upper[band]
        assert central[band] > upper[band]
        assert unified[band] <= central[band] * (1 + 1e-9)
    # Far above 0 the three forget the boundary.
    far = "asimov_plus2sigma_cm2"
    assert cls[far] == pytest.approx(upper[far], rel=0.01, abs=0)
    assert unified[far] == pytest.approx(central[far], rel=0.01, abs=0)


@pytest.mark.parametrize("kind", KINDS)
def test_bands_agree_with_toys(full_model, full_study, kind):
    """With thousands of events: the median within 5 %, the ±1σ quantiles within 10 %."""
    toys = throw(full_study, "lz", full_model.templates["lz"], range(1, 1001))
    study = dataclasses.replace(full_study, intervals=(KINDS[kind],))
    model = dataclasses.replace(full_model, study=study)
    limits = model.interval_limits(toys, kind)
    assert (limits["limit_cm2"] > 0).all()
    bands = asimov_limits(model, KINDS[kind])
    for band, n, rel in zip(ORDER, NUMBERS, (0.15, 0.1, 0.05, 0.1, 0.1), strict=True):
        quantile = np.quantile(limits["limit_cm2"], stats.norm.cdf(n))
        assert bands[band] == pytest.approx(quantile, rel=rel, abs=0)


def test_bands_of_a_combination(small_study, small_templates):
    study = dataclasses.replace(small_study, combined={"both": ("xenon1t", "lz")})
    interval = Interval("profiled", {}, ("leff",))
    both, lz = (
        asimov_limits(make_model(study, target, 50, "SI", small_templates), interval)
        for target in ("both", "lz")
    )
    for band in BANDS:
        assert 0 < both[band] < lz[band]


def test_calibrated_critical_values(model, small_study):
    """Those of toys make the median; there are no bands."""
    study = dataclasses.replace(small_study, critical_values="toys", intervals=(KINDS["upper"],))
    table = pd.DataFrame(
        {"interval": "upper", "rate_multiplier": [0.0, 1e6], "critical_value": [2.0, 2.0]}
    )
    calibrated = dataclasses.replace(model, study=study, critical_values=table)
    bands = asimov_limits(calibrated, KINDS["upper"])
    q = statistic(model, KINDS["upper"], [bands["asimov_cm2"]])
    assert q[0] == pytest.approx(2.0 + TIES, rel=1e-4)
    assert all(np.isnan(bands[band]) for band in BANDS if band != "asimov_cm2")


def test_no_answer(model, small_study):
    """Nothing where the signal is empty, a template is at fault, or the critical value is 0."""
    templates = dict(model.templates["xenon1t"])
    signal = templates[SIGNAL]
    for expected in (0 * signal.expected, np.full_like(signal.expected, np.nan)):
        spoilt = {"xenon1t": templates | {SIGNAL: dataclasses.replace(signal, expected=expected)}}
        bands = asimov_limits(dataclasses.replace(model, templates=spoilt), KINDS["upper"])
        assert np.isnan(list(bands.values())).all()
    low = dataclasses.replace(model, study=dataclasses.replace(small_study, confidence_level=0.4))
    assert np.isnan(list(asimov_limits(low, KINDS["upper"]).values())).all()


# Replicas of responses

EDGES = np.geomspace(1.0, 100.0, 9)


def response(seed=1, n=1000):
    """Simulated with n recoils per energy bin, into 20 bins; many of these stay empty."""
    p = np.random.default_rng(seed).dirichlet(np.full(40, 0.2), size=8)[:, :20]
    p[p < 2 / n] = 0
    return Response(EDGES, csr_array(p), csr_array(p * (1 - p) / n))


def test_replicas_scatter_as_the_simulation_does():
    """Mean, and relative spread of every entry."""
    simulated = response()
    rng = np.random.default_rng(5)
    many = np.array(
        [
            replica(simulated, rng.standard_normal((8, 20))).probability.toarray()
            for _ in range(4000)
        ]
    )
    p, error = simulated.probability.toarray(), np.sqrt(simulated.variance.toarray())
    filled = p > 0.02
    assert filled.sum() > 10
    pulls = (many.mean(axis=0) - p)[filled] / (error[filled] / np.sqrt(4000))
    assert (abs(pulls) < 4).all()
    np.testing.assert_allclose(many.std(axis=0)[filled], error[filled], rtol=0.06)
    assert (many >= 0).all()
    assert (many[:, p == 0] == 0).all()


def test_no_variance_no_change():
    simulated = response()
    exact = Response(EDGES, simulated.probability, 0 * simulated.variance)
    normal = np.random.default_rng(1).standard_normal((8, 20))
    varied = replica(exact, normal)
    np.testing.assert_array_equal(varied.probability.toarray(), simulated.probability.toarray())
    np.testing.assert_array_equal(varied.energy_edges_keV, EDGES)


@pytest.fixture(scope="module")
def inputs(full_study):
    """Spectra of a signal, of ER and of neutrons, and responses at all anchors."""
    flat = pd.DataFrame({"recoil_energy_keV": [1.0, 90.0], "rate_per_kg_day_keV": [2e-7, 1e-7]})
    steep = pd.DataFrame({"recoil_energy_keV": [1.0, 40.0], "rate_per_kg_day_keV": [1e-5, 1e-9]})
    spectra = {SIGNAL: {"nr": steep}, "er": {"er": flat}, "neutrons": {"nr": flat}}
    responses = {
        recoil: dict.fromkeys(full_study.anchors("lz", recoil), response(seed, 4000))
        for seed, recoil in enumerate(("er", "nr"))
    }
    return spectra, responses


def test_a_replica_depends_on_its_number_alone(full_study, inputs):
    one, same, two = (replica_templates(full_study, "lz", *inputs, i, {}) for i in (3, 3, 4))
    assert list(one) == [SIGNAL, "er", "neutrons"]
    for source, template in one.items():
        assert template.expected.tobytes() == same[source].expected.tobytes()
        assert (template.expected != two[source].expected).any()
    reseeded = replica_templates(dataclasses.replace(full_study, seed=2), "lz", *inputs, 3, {})
    assert (reseeded["er"].expected != one["er"].expected).any()


def test_anchors_and_sources_share_a_replica(full_study, inputs):
    """Alike responses stay alike: shapes and recoil spectra see the same fluctuation."""
    templates = replica_templates(full_study, "lz", *inputs, 1, {})
    assert templates[SIGNAL].expected.shape == (5, 20)
    assert templates["er"].expected.shape == (1, 20)
    for source in (SIGNAL, "neutrons"):
        rows = templates[source].expected
        np.testing.assert_array_equal(rows, np.broadcast_to(rows[0], rows.shape))
    spectra = inputs[0] | {"neutrons": inputs[0][SIGNAL]}
    swapped = replica_templates(full_study, "lz", spectra, inputs[1], 1, {})
    events = swapped["neutrons"].expected / templates[SIGNAL].expected.clip(1e-300)
    filled = templates[SIGNAL].expected > 0
    np.testing.assert_allclose(events[filled], events[filled][0], rtol=1e-12)


def test_replica_templates_scatter_as_their_variance_says(full_study, inputs):
    """The variance that a template carries is that of its replicas."""
    many = [replica_templates(full_study, "lz", *inputs, i, {}) for i in range(600)]
    exact = {
        recoil: {
            anchor: Response(EDGES, simulated.probability, 0 * simulated.variance)
            for anchor, simulated in anchors.items()
        }
        for recoil, anchors in inputs[1].items()
    }
    nominal = replica_templates(full_study, "lz", inputs[0], exact, 0, {})
    for source, template in nominal.items():
        rows = np.array([templates[source].nominal for templates in many])
        error = np.sqrt(many[0][source].variance[0])
        filled = template.nominal > 20 * error
        assert filled.sum() > 3
        pulls = (rows.mean(axis=0) - template.nominal)[filled] / (error[filled] / np.sqrt(600))
        assert (abs(pulls) < 4).all()
        np.testing.assert_allclose(rows.std(axis=0)[filled], error[filled], rtol=0.15)


# Bias of finite simulation


def sampled(template, n, seed):
    """A template of n recoils that were drawn from it."""
    weight = template.nominal.sum() / n
    counts = np.random.default_rng(seed).poisson(template.nominal / weight)
    rows = counts[np.newaxis]
    return Template(template.shape_values, weight * rows, weight**2 * rows)


@pytest.mark.parametrize("n", [3000, 30_000])
def test_bias_of_simulated_backgrounds(model, small_study, n):
    """Against the limit with the exact template: of a histogram, and of its kernel estimate."""
    interval = model.interval("leff_nominal")
    exact = asimov_limits(model, interval)["asimov_cm2"]
    space = small_study.detectors["xenon1t"].space
    plain = dataclasses.replace(small_study, response_method="simulation", density="histogram")
    biases = {"histogram": [], "kde": []}
    for seed in range(5):
        er = sampled(model.templates["xenon1t"]["er"], n, seed)
        widths = {"xenon1t": {"er": kernel_widths(er, space)}}
        for density, rows in biases.items():
            study = dataclasses.replace(plain, density=density)
            own = er if density == "histogram" else smoothed(er, space)
            templates = {"xenon1t": {**model.templates["xenon1t"], "er": own}}
            each = dataclasses.replace(model, study=study, templates=templates)
            off = asimov_limits(each, interval)["asimov_cm2"] - exact
            rows.append([off / exact, template_bias(each, interval, widths) / exact])
    (off, stated), (off_kde, stated_kde) = (np.array(biases[d]).T for d in biases)
    assert (off < -0.05).all()
    np.testing.assert_allclose(stated, off, atol=0.06)
    assert np.mean(stated) == pytest.approx(np.mean(off), rel=0.2)
    # What the kernel leaves is far less, and no more than what is stated with its noise.
    assert np.abs(off_kde).mean() < 0.3 * np.abs(off).mean()
    assert np.abs(np.mean(off_kde)) < np.mean(stated_kde) + 2 * np.std(off_kde)


def test_replicas_keep_the_widths(full_study, inputs):
    """Without noise, a replica is the kernel estimate; with it, the widths are the same."""
    study = dataclasses.replace(full_study, response_method="simulation", density="kde")
    widths = source_widths(study, "lz", *inputs)
    assert list(widths) == [SIGNAL, "er", "neutrons"]
    assert all(min(width) > 0 for rows in widths.values() for width in rows)
    templates = replica_templates(study, "lz", *inputs, 1, widths)
    varied = replica_templates(full_study, "lz", *inputs, 1, {})
    for source, table in inputs[0].items():
        nominal = build(study, "lz", source, table, inputs[1])
        again = smoothed(varied[source], study.detectors["lz"].space, widths[source])
        np.testing.assert_array_equal(templates[source].expected, again.expected)
        assert (templates[source].expected != nominal.expected).any()
    exact = {
        recoil: {
            name: Response(EDGES, r.probability, 0 * r.variance) for name, r in anchors.items()
        }
        for recoil, anchors in inputs[1].items()
    }
    unvaried = replica_templates(study, "lz", inputs[0], exact, 1, widths)
    for source, table in inputs[0].items():
        nominal = build(study, "lz", source, table, inputs[1])
        np.testing.assert_allclose(unvaried[source].expected, nominal.expected, rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("detector", ["xenon1t", "lz"])
def test_limits_of_kernel_estimates(small_study, small_templates, detector):
    """Within 1 % of quadrature at every mass, from as many recoils as 20,000 in each energy bin.

    Energy bins are four times as wide here as in the default study. All of the default's anchors
    have the same random numbers: nominal yields are enough.
    """
    study = dataclasses.replace(
        small_study,
        shapes=(),
        response_method="simulation",
        density="kde",
        events_per_energy_bin=80_000,
    )
    responses = {
        recoil: {"nominal": compute_response(study, detector, recoil, "nominal")}
        for recoil in ("nr", "er")
    }
    templates = dict(small_templates[detector])
    for source in templates:
        if spectra := source_tables(study, detector, source):
            templates[source] = build(study, detector, source, spectra, responses)
    for mass in study.masses_GeV:
        exact = make_model(small_study, detector, mass, "SI", small_templates)
        smooth = make_model(study, detector, mass, "SI", {detector: templates})
        limits = [
            asimov_limits(model, interval)["asimov_cm2"]
            for model, interval in ((exact, KINDS["upper"]), (smooth, Interval("upper", {}, ())))
        ]
        assert limits[1] == pytest.approx(limits[0], rel=0.01, abs=0)
