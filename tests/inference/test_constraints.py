"""Rates in a range, one-sided, correlated and shared, against scipy's minimiser and dense scans.

Templates are synthetic. What is compared with takes them as they are: neither the kernels nor the
precision matrix, but the covariance, and fits cell by cell from several starts.
"""

import dataclasses
from itertools import product

import numpy as np
import pytest
from scipy import optimize, stats

from zeptobarn.inference.calibration import best_nuisances, throw_statistics
from zeptobarn.inference.calibration import throw as throw_toys
from zeptobarn.inference.constraints import correlate, precision, spread
from zeptobarn.inference.construction import plan
from zeptobarn.inference.events import sort_toys
from zeptobarn.inference.load import make_model
from zeptobarn.inference.problem import Data, asimov, assemble, fits_at, predict
from zeptobarn.inference.terms import NORMAL, UNCONSTRAINED
from zeptobarn.physics.detector import AnalysisSpace
from zeptobarn.study.correlations import Correlation
from zeptobarn.study.settings import Interval
from zeptobarn.study.shapes import Shape
from zeptobarn.summary.ensemble import expected_errors, pulls
from zeptobarn.support.streams import stream
from zeptobarn.templates.templates import Template
from zeptobarn.templates.toys import throw

SIGNAL = "wimp_SI_50GeV"
LEFF = Shape("leff", (-3, -1, 0, 3), "leff", 0.0, True, ("xenon1t", "lz"), "constant")
LIGHT = Shape("light", (-3, 0, 3), "g1", 0.02, True, ("xenon1t", "lz"), "constant")
EVENTS = {SIGNAL: 6.0, "er": 30.0, "neutrons": 8.0}
NORMAL_RATE = {"rate": "normal", "rate_width": 0.4}


def made(
    study,
    shapes=(),
    detectors=("xenon1t",),
    correlations=(),
    combined=None,
    follows=np.exp,
    **sources,
):
    """A study of some detectors with 4 × 3 bins, and its templates.

    ``follows`` says how these depend on the sum of shapes times slopes.
    """
    own = {}
    for name in detectors:
        detector = study.detectors[name]
        space = AnalysisSpace(
            np.linspace(*detector.space.cs1_edges[[0, -1]], 5),
            np.geomspace(*detector.space.cs2_edges[[0, -1]], 4),
        )
        mine = [dataclasses.replace(detector.source(s), **keys) for s, keys in sources.items()]
        own[name] = dataclasses.replace(detector, space=space, sources=tuple(mine))
    study = dataclasses.replace(
        study,
        detectors=own,
        shapes=shapes,
        intervals=(Interval("all", {}, tuple(s.name for s in shapes)),),
        correlations=correlations,
        combined=combined or {},
    )
    templates = {}
    for name in detectors:
        templates[name] = {}
        for k, source in enumerate((SIGNAL, *sources)):
            rng = np.random.default_rng([k, len(name)])
            share = rng.exponential(size=12) + 0.1
            slope = {s.name: 0.25 * rng.uniform(-1, 1, 12) for s in shapes}
            anchors = tuple(study.anchors(name, study.recoil(name, source)).values())
            rows = [
                EVENTS[source]
                * share
                / share.sum()
                * follows(sum(slope[s] * v for s, v in a.items()) + np.zeros(12))
                for a in anchors
            ]
            templates[name][source] = Template(anchors, np.array(rows), np.zeros((len(rows), 12)))
    return study, templates


class Independent:
    """−2 ln L of one dataset, from templates, covariances and ranges."""

    def __init__(self, study, templates, counts, centres, covariance=None, fixed=None):
        self.study, self.templates, self.counts = study, templates, counts
        self.fixed = fixed or {}
        self.shapes = [s for s in study.shapes if s.name not in self.fixed]
        self.names, self.bounds, self.widths = [], [], []
        for detector in templates:
            for source in study.detectors[detector].sources:
                name = self.name(detector, source)
                if source.rate != "fixed" and name not in self.names:
                    self.names.append(name)
                    self.bounds.append(source.rate_range or (0.0, 30.0))
                    self.widths.append(source.rate_width if source.rate == "normal" else np.inf)
        self.rates = len(self.names)
        self.names += [s.name for s in self.shapes]
        self.widths += [1.0] * len(self.shapes)
        self.centres = np.array([centres.get(name, 0.0) for name in self.names])
        self.precision = np.diag(np.array(self.widths) ** -2.0)
        if covariance is not None:
            at = [self.names.index(name) for name in covariance[0]]
            self.precision[np.ix_(at, at)] = np.linalg.inv(covariance[1])

    def name(self, detector, source):
        alone = len(self.templates) == 1 or source.shared
        return f"{source.name}_rate" if alone else f"{detector}_{source.name}_rate"

    def __call__(self, signal, x):
        values = dict(zip(self.names, x, strict=True)) | self.fixed
        total = 0.0
        for detector, templates in self.templates.items():
            mean = np.zeros(12)
            rates = {SIGNAL: signal / EVENTS[SIGNAL] / len(self.templates)} | {
                s.name: values.get(self.name(detector, s), 1.0)
                for s in self.study.detectors[detector].sources
            }
            for source, rate in rates.items():
                recoil = self.study.recoil(detector, source)
                touched = self.study.shapes_of(detector, recoil)
                grid = templates[source].expected.reshape([*(len(s.anchors) for s in touched), -1])
                for s in touched:
                    hats = np.array(
                        [np.interp(values[s.name], s.anchors, e) for e in np.eye(len(s.anchors))]
                    )
                    grid = np.tensordot(hats, grid, 1)
                mean += rate * grid
            n = self.counts[detector]
            total += 2 * (mean.sum() - (n[n > 0] * np.log(np.maximum(mean[n > 0], 1e-300))).sum())
        ahead = np.asarray(x) - self.centres
        return total + ahead @ self.precision @ ahead

    def profile(self, signal=None):
        """Least −2 ln L, at a signal or over all, and where: from two starts in each cell."""
        best = (np.inf, None)

        def rise(x):
            return self(x[0], x[1:]) if signal is None else self(signal, x)

        cells = product(*(list(zip(s.anchors, s.anchors[1:], strict=False)) for s in self.shapes))
        for cell in cells:
            bounds = [*self.bounds, *cell]
            if signal is None:
                bounds = [(0.0, 100.0), *bounds]
            for share in (0.2, 0.8):
                x0 = [low + share * (min(high, low + 3) - low) for low, high in bounds]
                run = optimize.minimize(
                    rise, x0, bounds=bounds, method="L-BFGS-B",
                    options={"ftol": 1e-14, "gtol": 1e-9, "maxiter": 1000},
                )  # fmt: skip
                if run.fun < best[0]:
                    best = run.fun, run.x
        return best


def check(study, templates, counts, centres, covariance=None, fixed=None):
    """Statistics and best fits of one dataset agree with `Independent`; gives its best fit."""
    target = next(iter(study.combined), next(iter(templates)))
    interval = Interval("one", fixed or {}, tuple(s.name for s in study.shapes))
    problem = assemble(study, target, SIGNAL, templates, interval)
    weights = np.concatenate([counts[name] for name in templates]).astype(float)
    filled = np.flatnonzero(weights)
    first = np.searchsorted(filled, problem.first_bin)
    data = Data(
        filled, weights[filled], first[np.newaxis], np.ones((1, len(templates))),
        {name: np.array([value]) for name, value in centres.items()},
    )  # fmt: skip
    other = Independent(study, templates, counts, centres, covariance, fixed)
    least, x = other.profile()
    signals = np.array([0.0, 2.5, 9.0])
    best, fits = fits_at(problem, data, signals)
    at_best = fits_at(problem, data, best)[1][0, 0, 1:]
    for signal, row in zip(signals, fits[0], strict=True):
        value, at = other.profile(signal)
        assert row[0] == pytest.approx(value - least, abs=2e-4)
        np.testing.assert_allclose(ordered(problem, row[2:], other), at, atol=0.02)
    assert best[0] == pytest.approx(x[0], abs=0.02)
    return dict(zip(problem.parameters, at_best[1:], strict=True))


def ordered(problem, values, other):
    named = dict(zip(problem.parameters, values, strict=True))
    return [named[name] for name in other.names]


def counts(seed, mean, detectors=("xenon1t",)):
    return {
        name: np.random.default_rng([seed, k]).poisson(mean, 12) for k, name in enumerate(detectors)
    }


# A range


@pytest.mark.parametrize(
    ("ends", "mean", "at_end"),
    [
        ((0.0, 6.0), 3.5, None),
        ((0.9, 1.1), 9.0, 1.1),
        ((0.8, 1.5), 0.7, 0.8),
        ((0.0, 2.0), 0.2, 0.0),
    ],
)
def test_a_rate_in_a_range(small_study, ends, mean, at_end):
    """Inside, and where the best rate lies beyond either end."""
    study, templates = made(
        small_study,
        shapes=(LEFF,),
        er={"rate": "normal", "rate_width": 0.05},
        neutrons={"rate": "uniform", "rate_range": ends},
    )
    found = check(study, templates, counts(3, mean), {"er_rate": 1.05, "leff": 0.4})
    if at_end is not None:
        assert found["neutrons_rate"] == at_end
    else:
        assert ends[0] < found["neutrons_rate"] < ends[1]


def test_nothing_is_redrawn_of_a_range(small_study):
    """Datasets have its nominal rate; toys of the calibration the one that fits best."""
    study, templates = made(
        small_study,
        er={"rate": "free", "rate_width": 0.0},
        neutrons={"rate": "uniform", "rate_range": (0.0, 3.0), "nominal_rate": 0.5},
    )
    toys = throw(study, "xenon1t", templates["xenon1t"], range(1, 2001))
    assert np.isnan(toys.constraint_centres("neutrons_rate")).all()
    truth = toys.truth[toys.truth["parameter"] == "neutrons_rate"]["true_value"]
    assert (truth == 0.5).all()
    n = (toys.events["source"] == "neutrons").sum() / 2000
    assert n == pytest.approx(4.0, abs=4 * np.sqrt(4 / 2000))
    problem = assemble(study, "xenon1t", SIGNAL, templates, study.intervals[0])
    assert problem.parameters == ("er_rate", "neutrons_rate")
    weights = predict(problem, np.array([0.0, 1.0, 5.0]))[0]  # linear beyond the range, too
    nothing = predict(problem, np.array([0.0, 1.0, 0.0]))[0]
    np.testing.assert_allclose(weights - nothing, 5 * templates["xenon1t"]["neutrons"].nominal)
    filled = np.arange(12)
    data = Data(filled, weights, np.array([[0, 12]]), np.ones((1, 1)), {})
    assert best_nuisances(problem, np.zeros(1), data)[0, 2] == 3.0
    assert best_nuisances(problem, np.zeros(1))[0, 2] == pytest.approx(0.5, abs=1e-3)


# Half-normal


@pytest.mark.parametrize(("mean", "centre"), [(3.5, 0.0), (1.5, -0.6), (2.0, 0.8)])
def test_half_normal(small_study, mean, centre):
    """Centred on 0, off it and beyond the bound: a measurement is not clipped."""
    study, templates = made(
        small_study,
        er={"rate": "free", "rate_width": 0.0},
        neutrons={"rate": "normal", "rate_width": 0.3, "nominal_rate": 0.0},
    )
    found = check(study, templates, counts(5, mean), {"neutrons_rate": centre})
    assert found["neutrons_rate"] >= 0
    toys = throw(study, "xenon1t", templates["xenon1t"], range(1, 2001))
    assert not (toys.events["source"] == "neutrons").any()
    drawn = toys.constraint_centres("neutrons_rate") / 0.3
    assert stats.kstest(drawn, "norm").pvalue > 1e-3


# Correlated


def tied(*names, matrix):
    return Correlation(names, tuple(map(tuple, matrix)))


@pytest.mark.parametrize("rho", [-0.9, 0.6])
def test_two_correlated_rates(small_study, rho):
    names, matrix = ("xenon1t_er_rate", "xenon1t_neutrons_rate"), [[1, rho], [rho, 1]]
    study, templates = made(
        small_study,
        shapes=(LEFF,),
        correlations=(tied(*names, matrix=matrix),),
        er={"rate": "normal", "rate_width": 0.3},
        neutrons=NORMAL_RATE,
    )
    widths = np.array([0.3, 0.4])
    covariance = ("er_rate", "neutrons_rate"), np.array(matrix) * np.outer(widths, widths)
    for seed, mean, centres in (
        (1, 3.0, {"er_rate": 1.2, "neutrons_rate": 0.7, "leff": -0.5}),
        (2, 1.0, {"er_rate": 0.4, "neutrons_rate": 0.1, "leff": 2.0}),  # down to the bound
        (3, 7.0, {}),
    ):
        centres = {"er_rate": 1.0, "neutrons_rate": 1.0} | centres
        check(study, templates, counts(seed, mean), centres, covariance)


MATRIX = np.array([[1, 0.5, -0.6], [0.5, 1, 0.2], [-0.6, 0.2, 1]])


def three(small_study, follows=np.exp):
    names = ("xenon1t_neutrons_rate", "leff", "light")
    return made(
        small_study,
        shapes=(LEFF, LIGHT),
        correlations=(tied(*names, matrix=MATRIX),),
        er={"rate": "free", "rate_width": 0.0},
        neutrons=NORMAL_RATE,
        follows=follows,
    )


@pytest.mark.parametrize(("seed", "mean"), [(1, 3.5), (2, 6.0)])
def test_a_rate_and_two_shapes(small_study, seed, mean):
    study, templates = three(small_study)
    widths = np.array([0.4, 1, 1])
    covariance = ("neutrons_rate", "leff", "light"), MATRIX * np.outer(widths, widths)
    centres = {"neutrons_rate": 1.3, "leff": 0.8, "light": -0.7}
    check(study, templates, counts(seed, mean), centres, covariance)


@pytest.mark.parametrize("value", [-1.5, 0.0, 2.0])
def test_a_fixed_shape_says_where_the_others_are(small_study, value):
    """Its own term left out, the likelihood is that of all at once, at this value."""
    study, templates = three(small_study)
    widths = np.array([0.4, 1, 1])
    covariance = MATRIX * np.outer(widths, widths)
    gain = covariance[[0, 2], 1] / covariance[1, 1]
    given = covariance[np.ix_([0, 2], [0, 2])] - np.outer(gain, covariance[1, [0, 2]])
    centres = {"neutrons_rate": 1.3, "leff": 0.8, "light": -0.7}
    moved = np.array([1.3, -0.7]) + gain * (value - 0.8)
    own = {"neutrons_rate": moved[0], "light": moved[1]}
    interval = {"leff": value}
    data = counts(4, 3.5)
    problem = assemble(study, "xenon1t", SIGNAL, templates, Interval("one", interval, ("light",)))
    dataset = Data(
        np.flatnonzero(data["xenon1t"]), data["xenon1t"][data["xenon1t"] > 0].astype(float),
        np.array([[0, (data["xenon1t"] > 0).sum()]]), np.ones((1, 1)),
        {name: np.array([c]) for name, c in centres.items()},
    )  # fmt: skip
    np.testing.assert_allclose(dataset.centres_of(problem)[0, 2:], moved)
    np.testing.assert_allclose(problem.centres({}, 1)[0, 2:], [1, 0] + gain * value)
    # An Asimov dataset at the fixed value has measured it.
    centres = asimov(problem, problem.nominal).centres_of(problem)[0]
    np.testing.assert_array_equal(centres, problem.nominal)
    other = Independent(study, templates, data, own, (("neutrons_rate", "light"), given), interval)
    least, _ = other.profile()
    fits = fits_at(problem, dataset, np.array([5.0]))[1]
    assert fits[0, 0, 0] == pytest.approx(other.profile(5.0)[0] - least, abs=2e-4)


def test_precision_and_spread_belong_to_the_covariance():
    rows = np.array(
        [[UNCONSTRAINED, 1], [NORMAL, 0.4], [UNCONSTRAINED, 1], [NORMAL, 1], [NORMAL, 2]]
    )
    correlation = tied("a", "elsewhere", "b", matrix=[[1, 0.3, 0.8], [0.3, 1, 0.1], [0.8, 0.1, 1]])
    names = ["", "a", "free", "b", "c"]
    together, ties = correlate(rows, names, [correlation], {"no": 1.0})
    assert not ties
    covariance = np.zeros((5, 5))
    covariance[[1, 3, 4], [1, 3, 4]] = [0.16, 1, 4]
    covariance[1, 3] = covariance[3, 1] = 0.8 * 0.4
    at = np.ix_([1, 3, 4], [1, 3, 4])
    np.testing.assert_allclose(precision(together)[at], np.linalg.inv(covariance[at]), atol=1e-12)
    assert not precision(together)[[0, 2]].any()
    lower = spread(together)
    np.testing.assert_allclose(lower @ lower.T, covariance, atol=1e-12)
    assert not np.triu(lower, 1).any()
    for fewer in ([*names[:1], "x", *names[2:]], names):
        alone, _ = correlate(rows, fewer, [correlation] if fewer is not names else [], {})
        np.testing.assert_array_equal(alone, rows)
        np.testing.assert_array_equal(spread(alone), np.diag([0, 0.4, 0, 1, 2]))


def test_measurements_are_correlated(small_study):
    """In datasets of a study, between rates and shapes, and of each by itself unit normal."""
    study, templates = three(small_study)
    toys = throw(study, "xenon1t", templates["xenon1t"], range(1, 3001))
    drawn = np.array(
        [
            (toys.constraint_centres("neutrons_rate") - 1) / 0.4,
            toys.constraint_centres("leff"),
            toys.constraint_centres("light"),
        ]
    )
    for row in drawn:
        assert stats.kstest(row, "norm").pvalue > 1e-3
    np.testing.assert_allclose(np.corrcoef(drawn), MATRIX, atol=4 / np.sqrt(3000))


def test_pulls_are_unit_normal(small_study):
    """On datasets of a study whose nuisances are correlated; the signal has a bin of its own.

    Elsewhere, a signal that is never negative draws the rates down; so do kinks at anchors, and
    there are none where templates are straight.
    """
    study, templates = three(small_study, lambda x: 1 + 0.5 * x)
    alone = np.arange(12) == 11
    bright = {
        source: Template(
            template.shape_values,
            template.expected * np.where(alone == (source == SIGNAL), 10.0, 1e-3),
            template.variance,
        )
        for source, template in templates["xenon1t"].items()
    }
    model = make_model(study, "xenon1t", 50, "SI", {"xenon1t": bright})
    toys = throw(study, "xenon1t", bright, range(1, 1501))
    found = pulls(model, study.intervals[0], model.interval_limits(toys, "all"))
    assert list(found.columns) == ["er_rate", "neutrons_rate", "leff", "light"]
    assert len(found) == 1500
    for name in found:
        assert found[name].std() == pytest.approx(1, abs=0.08), name
        assert found[name].mean() == pytest.approx(0, abs=0.12), name
    # What one is known by tells of the others: without correlations they would be known less.
    apart = dataclasses.replace(study, correlations=())
    errors = [
        expected_errors(
            assemble(one, "xenon1t", SIGNAL, {"xenon1t": bright}, study.intervals[0]), "redrawn"
        )
        for one in (study, apart)
    ]
    assert (errors[0] < 0.999 * errors[1])[1:].all()


@pytest.mark.parametrize("signal", [0.0, 7.0])
def test_asimov_is_recovered(small_study, signal):
    for study, templates in (
        three(small_study),
        made(
            small_study,
            er={"rate": "normal", "rate_width": 0.2, "nominal_rate": 0.0},
            neutrons={"rate": "uniform", "rate_range": (0.0, 3.0)},
        ),
    ):
        problem = assemble(study, "xenon1t", SIGNAL, templates, study.intervals[0])
        truth = np.append(signal, problem.nominal[1:])
        best, fits = fits_at(problem, asimov(problem, truth), np.array([signal]))
        assert best[0] == pytest.approx(signal, abs=0.02)
        np.testing.assert_allclose(fits[0, 0, 1:], truth, atol=0.01)


def test_weights_of_toys_have_a_mean_of_one(small_study):
    """Toys that serve other signals count with their density there: of correlated centres, too.

    The nuisances of neighbouring signals differ, so that their density does.
    """
    study, templates = three(small_study)
    problem = assemble(study, "xenon1t", SIGNAL, templates, study.intervals[0])
    nodes = plan(np.array([0.0, 3.0, 6.0]), problem.signal_efficiency, False)
    streams = [[stream(3, "weights", k, block) for block in range(20)] for k in range(3)]
    data = asimov(problem, np.array([80.0, 1.0, 1.0, -2.0, 2.0]))
    ensemble = throw_toys(problem, "redrawn", nodes, 10_000, streams, data=data)
    truths = best_nuisances(problem, nodes.nodes, data)
    near = nodes.nodes > 4
    moved = np.abs(truths[near] - truths[nodes.thrown[2]])[:, 2:]
    assert moved.max() > 0.3
    weights = np.exp(ensemble.log_density[2][near])
    errors = weights.std(axis=1) / np.sqrt(10_000)
    np.testing.assert_array_less(np.abs(weights.mean(axis=1) - 1), 4 * errors + 1e-9)
    # The same, of the centres alone: their density at two truths, by scipy.
    covariance = MATRIX * np.outer([0.4, 1, 1], [0.4, 1, 1])
    at = [1 + list(problem.parameters).index(n) for n in ("neutrons_rate", "leff", "light")]
    inverse = precision(problem.structure.constraints)[np.ix_(at, at)]
    ahead = np.array([0.2, -0.5, 0.9])
    law = stats.multivariate_normal(np.zeros(3), covariance)
    quadratic = 2 * (law.logpdf(np.zeros(3)) - law.logpdf(ahead))
    assert ahead @ inverse @ ahead == pytest.approx(quadratic)


# Shared


@pytest.mark.parametrize("rate", ["free", "normal", "uniform"])
def test_a_shared_rate(small_study, rate):
    """One parameter with one measurement; datasets of both detectors have the same centre."""
    keys = {
        "rate": rate,
        "rate_width": 0.4 if rate == "normal" else 0.0,
        "rate_range": (0.5, 1.6) if rate == "uniform" else None,
        "shared": True,
    }
    study, templates = made(
        small_study,
        shapes=(LEFF,),
        detectors=("xenon1t", "lz"),
        combined={"both": ("xenon1t", "lz")},
        er={"rate": "free", "rate_width": 0.0},
        neutrons=keys,
    )
    both = ("xenon1t", "lz")
    centres = {"xenon1t_er_rate": 1.0, "lz_er_rate": 1.0, "neutrons_rate": 1.4, "leff": 0.3}
    for seed, mean in ((1, 3.0), (2, 6.0)):
        found = check(study, templates, counts(seed, mean, both), centres)
        assert sorted(found) == ["leff", "lz_er_rate", "neutrons_rate", "xenon1t_er_rate"]
    toys = {name: throw(study, name, templates[name], range(1, 51)) for name in both}
    one, other = (t.constraint_centres("neutrons_rate") for t in toys.values())
    np.testing.assert_array_equal(one, other)
    assert np.isnan(one).all() == (rate != "normal")
    kept = sort_toys(study, toys).centres
    assert ("neutrons_rate" in kept) == (rate == "normal")
    assert not {"xenon1t_neutrons_rate", "lz_neutrons_rate"} & set(kept)


# Coverage


@pytest.mark.parametrize("kind", ["uniform", "half_normal", "correlated"])
def test_coverage_of_one_bin(small_study, kind):
    """Of toys at a signal, 90 % have a t̃ up to the χ² cut, where there are many events."""
    keys = {
        "uniform": {"rate": "uniform", "rate_range": (0.0, 3.0)},
        "half_normal": {"rate": "normal", "rate_width": 0.1, "nominal_rate": 0.0},
        "correlated": {"rate": "normal", "rate_width": 0.1},
    }[kind]
    correlations = ()
    if kind == "correlated":
        correlations = (
            tied("xenon1t_er_rate", "xenon1t_neutrons_rate", matrix=[[1, -0.7], [-0.7, 1]]),
        )
    er = {"rate": "normal", "rate_width": 0.1}
    study, templates = made(small_study, correlations=correlations, er=er, neutrons=keys)
    one_bin = {
        source: Template(({},), np.array([[40.0 * EVENTS[source], *[0.0] * 11]]), np.zeros((1, 12)))
        for source in templates["xenon1t"]
    }
    if kind == "uniform":  # a bin of its own tells a free rate from a signal
        one_bin["neutrons"].expected[0, 1] = 100.0
    problem = assemble(study, "xenon1t", SIGNAL, {"xenon1t": one_bin}, study.intervals[0])
    signal = 400.0
    truth = np.append(signal, problem.nominal[1:])
    streams = [stream(7, "coverage", kind, block) for block in range(8)]
    best, statistics = throw_statistics(
        problem, truth, "redrawn", np.array([signal]), 4000, streams
    )
    inside = (statistics[:, 0] <= stats.chi2.ppf(0.9, 1)).mean()
    # At the bound the χ² is conservative: a nuisance that cannot move costs the fit nothing.
    assert inside == pytest.approx(0.9, abs=0.02 if kind != "half_normal" else 0.04)
    assert np.isfinite(best).all()
