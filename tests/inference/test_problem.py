"""Several shapes, constrained rates and combinations, against independent computations.

Templates are synthetic: random, in a few bins, with all the dependences that are asked for.
"""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from zeptobarn.inference.load import make_model
from zeptobarn.inference.problem import Data, asimov, assemble, find_limits, fits_at, predict
from zeptobarn.physics.detector import AnalysisSpace
from zeptobarn.study.settings import Interval
from zeptobarn.study.shapes import Shape
from zeptobarn.templates.density import bin_index
from zeptobarn.templates.templates import Template
from zeptobarn.templates.toys import throw

LEFF = Shape("leff", (-2, -1, 0, 1, 2), "leff", 0.0, True, ("xenon1t", "lz"), "constant")
LIGHT = Shape("light", (-1.5, 0, 0.5, 2), "g1", 0.02, True, ("xenon1t",), "constant")
SIGNAL = "wimp_SI_50GeV"
EVENTS = {
    "xenon1t": {SIGNAL: 9.0, "er": 40.0, "neutrons": 2.0},
    "lz": {SIGNAL: 5.0, "er": 25.0, "neutrons": 1.0},
}
NOMINAL = Interval("nominal", {"leff": 0.0}, ())
PROFILED = Interval("profiled", {}, ("leff",))
CRITICAL = stats.norm.ppf(0.9) ** 2


def small(study, shapes=(LEFF,), rate="free", width=0.0, **changes):
    """Two detectors with 8 × 6 bins, a background of ER and one with a fixed rate."""
    detectors = {}
    for name in EVENTS:
        detector = study.detectors[name]
        edges = detector.space
        space = AnalysisSpace(
            np.linspace(edges.cs1_edges[0], edges.cs1_edges[-1], 9),
            np.geomspace(edges.cs2_edges[0], edges.cs2_edges[-1], 7),
        )
        er = dataclasses.replace(detector.source("er"), rate=rate, rate_width=width)
        sources = (er, detector.source("neutrons"))
        detectors[name] = dataclasses.replace(detector, space=space, sources=sources)
    settings = {"detectors": detectors, "shapes": shapes, "intervals": (NOMINAL, PROFILED)}
    return dataclasses.replace(study, **(settings | changes))


def synthetic(study, scale=1.0):
    """Templates by detector and source: their totals and their forms change with the shapes."""
    templates = {}
    for detector, sources in EVENTS.items():
        templates[detector] = {}
        for k, (source, events) in enumerate(sources.items()):
            rng = np.random.default_rng([k, len(detector)])
            bins = int(np.prod(study.detectors[detector].space.shape))
            place = np.linspace(0, 1, bins)
            share = rng.exponential(size=bins) * np.exp(-3 * (place if source != "er" else 0.3))
            slopes = {"leff": 0.3 * (1 - 2 * place), "light": 0.2 * rng.normal(size=bins) - 0.15}
            anchors = tuple(study.anchors(detector, study.recoil(detector, source)).values())
            rows = [
                events * share / share.sum()
                * np.exp(sum(slopes[name] * value for name, value in values.items()))
                * rng.uniform(0.97, 1.03, bins)
                for values in anchors
            ]  # fmt: skip
            expected = scale * np.array(rows)
            templates[detector][source] = Template(anchors, expected, np.zeros_like(expected))
    return templates


def at_shapes(study, detector, source, template, values):
    """Expected events per bin at values of the shapes, one shape after another by numpy."""
    touched = study.shapes_of(detector, study.recoil(detector, source))
    grid = template.expected.reshape([*(len(s.anchors) for s in touched), -1])
    for shape in touched:
        grid = np.apply_along_axis(
            lambda row, s=shape: np.interp(values[s.name], s.anchors, row), 0, grid
        )
    return grid


class Independent:
    """−2 ln L of toys, straight from the templates, with a signal rate multiplier.

    Shapes run over a grid that holds the anchors, then over a finer one around its best points;
    ER rates are found by bisection in their logarithm, for a whole grid at once.
    """

    def __init__(self, study, templates, toys, trial, fixed):
        self.study, self.templates = study, templates
        self.shapes = [s for s in study.shapes if set(s.detectors) & set(toys)]
        self.fixed = fixed
        self.centres = {s.name: self.centre(toys, trial, s.name) for s in self.shapes}
        self.parts = []
        for detector, thrown in toys.items():
            events = thrown.events[thrown.events["trial"] == trial]
            space = study.detectors[detector].space
            bins = bin_index(space, events["cs1"].to_numpy(), events["cs2"].to_numpy())
            er = study.detectors[detector].source("er")
            centre = self.centre({detector: thrown}, trial, "er_rate") if er.rate_width else 1.0
            self.parts.append((detector, bins, er, centre))
        self.coarse = self.axes({s.name: (s.anchors[0], s.anchors[-1]) for s in self.shapes}, 0.2)
        self.tables = self.tabulate(self.coarse)

    @staticmethod
    def centre(toys, trial, parameter):
        truth = next(iter(toys.values())).truth
        rows = truth[(truth["trial"] == trial) & (truth["parameter"] == parameter)]
        return rows["constraint_centre"].item()

    def axes(self, ranges, step):
        values = {}
        for s in self.shapes:
            low, high = ranges[s.name]
            anchors = [a for a in s.anchors if low <= a <= high]
            values[s.name] = np.unique([*np.arange(low, high, step), high, *anchors])
        return values | {name: np.array([value]) for name, value in self.fixed.items()}

    def tabulate(self, axes):
        """The constraints of shapes, and each source's rows at the events and totals."""
        points = np.meshgrid(*axes.values(), indexing="ij")
        points = {name: p.ravel() for name, p in zip(axes, points, strict=True)}
        penalty = sum(
            (points[name] - centre) ** 2
            for name, centre in self.centres.items()
            if name not in self.fixed
        )
        tables_ = []
        for detector, bins, _, _ in self.parts:
            for source in (SIGNAL, "er", "neutrons"):
                weights = np.ones((len(next(iter(points.values()))), 1))
                for s in self.study.shapes_of(detector, self.study.recoil(detector, source)):
                    hats = [np.interp(points[s.name], s.anchors, e) for e in np.eye(len(s.anchors))]
                    weights = np.einsum("ij,ki->ijk", weights, hats).reshape(len(weights), -1)
                expected = self.templates[detector][source].expected
                tables_.append((weights @ expected[:, bins], weights @ expected.sum(axis=1)))
        return penalty, tables_

    def rise(self, multiplier, tables):
        """−2 ln L on a grid of shapes."""
        total, tables = tables[0], list(tables[1])
        for _, _, er, centre in self.parts:
            (s, s_sum), (b, b_sum), (f, f_sum), *tables = tables
            rest, width = multiplier * s + f, er.rate_width
            low, high = np.full(len(b), -14.0), np.full(len(b), 2.5)
            for _ in range(26):
                u = 0.5 * (low + high)
                rate = np.exp(u)
                slope = rate * b_sum
                slope -= (rate[:, None] * b / (rate[:, None] * b + rest)).sum(axis=1)
                if er.rate == "normal":
                    slope += rate * (rate - centre) / width**2
                elif er.rate == "log_normal":
                    slope += (u - np.log(centre)) / width**2
                low, high = np.where(slope < 0, u, low), np.where(slope < 0, high, u)
            density = rate[:, None] * b + rest
            mean = multiplier * s_sum + rate * b_sum + f_sum
            total = total + 2 * (mean - np.log(density).sum(axis=1))
            if er.rate == "normal":
                total = total + ((rate - centre) / width) ** 2
            elif er.rate == "log_normal":
                total = total + ((u - np.log(centre)) / width) ** 2
        return total

    def profile(self, multiplier):
        """−2 ln L with ER rates and shapes at their best."""
        axes, rises = self.coarse, self.rise(multiplier, self.tables)
        good = np.argwhere((rises < rises.min() + 0.1).reshape([len(a) for a in axes.values()]))
        ranges = {
            name: (axis[max(i.min() - 1, 0)], axis[min(i.max() + 1, len(axis) - 1)])
            for (name, axis), i in zip(axes.items(), good.T, strict=True)
        }
        return self.rise(multiplier, self.tabulate(self.axes(ranges, 0.02))).min()

    def limit(self, largest=30.0):
        """The multiplier above the best fit where −2 ln L has risen by the critical value."""
        grid = np.append(0.0, np.geomspace(0.05, largest, 12))
        values = [self.profile(x) for x in grid]
        k = int(np.argmin(values))
        low, high = grid[max(k - 1, 0)], grid[min(k + 1, len(grid) - 1)]
        near = optimize.minimize_scalar(
            self.profile, bounds=(low, high), method="bounded", options={"xatol": 1e-3}
        )
        best = min(values[k], near.fun)
        start = grid[k] if values[k] < near.fun else near.x
        return optimize.brentq(
            lambda x: self.profile(x) - best - CRITICAL, start, largest, xtol=1e-5
        )


def check_limits(study, target, templates, toys, trials, interval, rel=5e-4):
    """Limits agree with `Independent` in some trials."""
    model = make_model(study, target, 50, "SI", templates)
    thrown_ = toys if target in study.combined else toys[target]
    limits = model.interval_limits(thrown_, interval.name)
    assert limits["status"].isin(["ok", "at_boundary"]).all()
    multipliers = limits.set_index("trial")["limit_rate_multiplier"]
    members = {name: toys[name] for name in study.targets[target]}
    for trial in trials:
        expected = Independent(study, templates, members, trial, interval.fixed).limit()
        assert multipliers[trial] == pytest.approx(expected, rel=rel)


def thrown(study, templates, n):
    return {name: throw(study, name, templates[name], range(1, n + 1)) for name in EVENTS}


@pytest.fixture(scope="module")
def one_shape(small_study):
    study = small(small_study, combined={"both": ("xenon1t", "lz")})
    return study, synthetic(study)


@pytest.fixture(scope="module")
def two_shapes(small_study):
    both = Interval("profiled", {}, ("leff", "light"))
    mixed = Interval("light_fixed", {"light": 0.3}, ("leff",))
    study = small(
        small_study,
        shapes=(LEFF, LIGHT),
        intervals=(both, mixed),
        combined={"both": ("xenon1t", "lz")},
    )
    return study, synthetic(study)


def built(study, templates, target, interval):
    members = {name: templates[name] for name in study.targets[target]}
    return assemble(study, target, SIGNAL, members, interval)


# Prediction


@pytest.mark.parametrize("target", ["xenon1t", "lz", "both"])
def test_nominal_prediction(two_shapes, target):
    """All sources' nominal templates, the signal scaled to its events in all detectors."""
    study, templates = two_shapes
    problem = built(study, templates, target, study.intervals[0])
    members = study.targets[target]
    events = sum(templates[name][SIGNAL].nominal.sum() for name in members)
    prediction = predict(problem, np.append(7.0, problem.nominal[1:]))
    assert len(prediction) == len(members)
    for name, bins in zip(members, prediction, strict=True):
        background = sum(templates[name][s].nominal for s in ("er", "neutrons"))
        expected = 7.0 / events * templates[name][SIGNAL].nominal + background
        np.testing.assert_allclose(bins, expected, rtol=1e-12)
    assert problem.signal_efficiency == pytest.approx(1.0, rel=1e-12)


def test_names_of_parameters(two_shapes):
    study, templates = two_shapes
    for target, names in (
        ("xenon1t", ("er_rate", "leff", "light")),
        ("lz", ("er_rate", "leff")),
        ("both", ("xenon1t_er_rate", "lz_er_rate", "leff", "light")),
    ):
        problem = built(study, templates, target, study.intervals[0])
        assert problem.parameters == names
        n_rates = sum("rate" in name for name in names)
        np.testing.assert_array_equal(
            problem.nominal, [1.0] * (1 + n_rates) + [0.0] * (len(names) - n_rates)
        )


@given(
    signal=st.floats(0, 30),
    rates=st.tuples(st.floats(0, 3), st.floats(0, 3)),
    leff=st.floats(-2, 2),
    light=st.floats(-1.5, 2),
)
def test_prediction_off_nominal(two_shapes, signal, rates, leff, light):
    study, templates = two_shapes
    problem = built(study, templates, "both", study.intervals[0])
    events = sum(sources[SIGNAL].nominal.sum() for sources in templates.values())
    prediction = predict(problem, np.array([signal, *rates, leff, light]))
    values = {"leff": leff, "light": light}
    for detector, rate, bins in zip(EVENTS, rates, prediction, strict=True):
        factors = {SIGNAL: signal / events, "er": rate, "neutrons": 1.0}
        expected = sum(
            factor * at_shapes(study, detector, source, templates[detector][source], values)
            for source, factor in factors.items()
        )
        np.testing.assert_allclose(bins, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("light", [-1.5, -0.7, 0.0, 0.3, 1.9, 2.0])
@pytest.mark.parametrize("leff", [-2.0, -0.4, 1.0])
def test_a_fixed_shape_is_the_profiled_one_at_its_value(two_shapes, leff, light):
    study, templates = two_shapes
    free = built(study, templates, "both", study.intervals[0])
    full = predict(free, np.array([4.0, 1.3, 0.6, leff, light]))
    for fixed, rest, nominal in (
        ({"light": light}, [leff], [0.0, light]),
        ({"leff": leff, "light": light}, [], [leff, light]),
    ):
        problem = built(study, templates, "both", Interval("fixed", fixed, ()))
        prediction = predict(problem, np.array([4.0, 1.3, 0.6, *rest]))
        for a, b in zip(prediction, full, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)
        with_signal, without = (
            sum(bins.sum() for bins in predict(free, np.array([signal, 1.0, 1.0, *nominal])))
            for signal in (1.0, 0.0)
        )
        assert problem.signal_efficiency == pytest.approx(with_signal - without, rel=1e-9)


def test_unconstrained_shapes(small_study):
    """A shape without constraint has none in the likelihood, nor a centre in the toys."""
    free = dataclasses.replace(LEFF, constrained=False)
    study = small(small_study, shapes=(free,))
    templates = synthetic(study)
    kinds = built(study, templates, "xenon1t", PROFILED).structure.constraints[:, 0]
    np.testing.assert_array_equal(kinds, [0, 0, 0])
    toys = throw(study, "xenon1t", templates["xenon1t"], [1, 2])
    assert np.isnan(toys.constraint_centres("leff")).all()
    limits = make_model(study, "xenon1t", 50, "SI", templates).interval_limits(toys, "profiled")
    assert (limits["limit_rate_multiplier"] > 0).all()


# Data and Asimov datasets


def test_centres_are_nominal_where_unknown(two_shapes):
    study, templates = two_shapes
    problem = built(study, templates, "xenon1t", study.intervals[0])
    centres = {"leff": np.array([0.4, np.nan]), "other": np.array([9.0, 9.0])}
    none = np.zeros((2, 2), dtype=np.int64)
    data = Data(np.zeros(0, dtype=np.int64), np.zeros(0), none, np.ones((2, 1)), centres)
    np.testing.assert_array_equal(data.centres_of(problem), [[1, 1, 0.4, 0], [1, 1, 0, 0]])


def test_an_asimov_dataset_holds_what_is_expected(one_shape):
    """Of each detector, without its empty bins."""
    study, templates = one_shape
    empty = dict.fromkeys(["xenon1t", "lz"])
    for k, name in enumerate(empty):
        empty[name] = {
            source: dataclasses.replace(t, expected=t.expected * (np.arange(48) % 5 > k))
            for source, t in templates[name].items()
        }
    problem = built(study, empty, "both", PROFILED)
    truth = np.array([3.0, 1.2, 0.8, 0.5])
    data = asimov(problem, truth)
    for d, bins in enumerate(predict(problem, truth)):
        mine = slice(data.offsets[0, d], data.offsets[0, d + 1])
        np.testing.assert_array_equal(data.bins[mine] - 48 * d, np.flatnonzero(bins))
        np.testing.assert_allclose(data.weights[mine], bins[bins > 0], rtol=1e-15)
    assert len(data.bins) < 96


@pytest.mark.parametrize("target", ["xenon1t", "both"])
def test_the_best_fit_of_an_asimov_dataset_is_its_truth(two_shapes, target):
    study, templates = two_shapes
    problem = built(study, templates, target, study.intervals[0])
    background = np.append(0.0, problem.nominal[1:])
    best, fits = fits_at(problem, asimov(problem, background), np.array([0.0, 3.0]))
    assert best[0] == pytest.approx(0.0, abs=1e-3)
    assert fits[0, 0, 0] == pytest.approx(0.0, abs=1e-5)
    np.testing.assert_allclose(fits[0, 0, 1:], background, atol=1e-3)
    assert fits[0, 1, 0] > 0.1

    (row,) = find_limits(problem, asimov(problem, background), [np.array([[0.0, 1.0]])], False, 1e9)
    assert row.best_fit[0] == pytest.approx(0.0, abs=1e-3)
    np.testing.assert_allclose(row.nuisances[0], background[1:], atol=1e-3)


def test_the_best_fit_of_an_asimov_dataset_with_everything_off(two_shapes):
    """Where the constraints are centred on the truth too."""
    study, templates = two_shapes
    problem = built(study, templates, "both", study.intervals[0])
    truth = np.array([6.0, 1.2, 0.7, -0.6, 0.3])
    centres = {"leff": np.array([-0.6]), "light": np.array([0.3])}
    data = dataclasses.replace(asimov(problem, truth), centres=centres)
    best, fits = fits_at(problem, data, np.array([6.0]))
    assert best[0] == pytest.approx(6.0, rel=1e-3)
    np.testing.assert_allclose(fits[0, 0, 1:], truth, rtol=1e-3)


def test_the_small_study_has_a_background_only_asimov_dataset(small_study, small_templates):
    model = make_model(small_study, "xenon1t", 50, "SI", small_templates)
    problem = model.problem(model.interval("profiled"))
    best, fits = fits_at(problem, model.asimov(), np.zeros(1))
    np.testing.assert_allclose([best[0], *fits[0, 0]], [0, 0, 0, 1, 0], atol=1e-3)
    sources = small_study.detectors["xenon1t"].sources
    expected = sum(small_templates["xenon1t"][s.name].nominal.sum() for s in sources)
    assert model.asimov().weights.sum() == pytest.approx(expected, rel=1e-12)
    assert model.asimov(5.0).weights.sum() == pytest.approx(expected + 5.0, rel=1e-12)


# Limits against the independent computation


def test_limits_with_two_shapes(two_shapes):
    study, templates = two_shapes
    toys = thrown(study, templates, 8)
    for interval in study.intervals:
        check_limits(study, "xenon1t", templates, toys, range(1, 9), interval)
        check_limits(study, "both", templates, toys, [1, 2], interval)


@pytest.mark.parametrize("rate", ["normal", "log_normal"])
def test_limits_with_a_constrained_rate(small_study, rate):
    study = small(small_study, rate=rate, width=0.15)
    templates = synthetic(study)
    toys = thrown(study, templates, 10)
    for interval in study.intervals:
        check_limits(study, "xenon1t", templates, toys, range(1, 11), interval)


def test_a_constraint_makes_a_difference(small_study):
    """A tight one holds the rate at its centre, a loose one frees it."""
    fits = {}
    for rate, width in (("normal", 1e-3), ("log_normal", 1e-3), ("normal", 50.0), ("free", 0.0)):
        study = small(small_study, rate=rate, width=width, constraint_centres="fixed")
        templates = synthetic(study)
        toys = throw(study, "xenon1t", templates["xenon1t"], range(1, 11))
        model = make_model(study, "xenon1t", 50, "SI", templates)
        fits[rate, width] = model.interval_limits(toys, "nominal")["best_fit_er_rate"]
    for rate in ("normal", "log_normal"):
        np.testing.assert_allclose(fits[rate, 1e-3], 1.0, atol=1e-3)
    np.testing.assert_allclose(fits["normal", 50.0], fits["free", 0.0], rtol=1e-3)
    assert fits["free", 0.0].std() > 0.05


@pytest.mark.parametrize("rate", ["normal", "log_normal"])
def test_toys_redraw_the_centre_of_a_constrained_rate(small_study, rate):
    study = small(small_study, rate=rate, width=0.2)
    templates = {}
    for source in EVENTS["lz"]:
        anchors = tuple(study.anchors("lz", study.recoil("lz", source)).values())
        templates[source] = Template(anchors, *np.zeros((2, len(anchors), 48)))
    toys = throw(study, "lz", templates, range(1, 1001))
    pulls = toys.constraint_centres("er_rate")
    pulls = np.log(pulls) / 0.2 if rate == "log_normal" else (pulls - 1) / 0.2
    assert stats.kstest(pulls, "norm").pvalue > 1e-3
    fixed = dataclasses.replace(study, constraint_centres="fixed")
    toys = throw(fixed, "lz", templates, range(1, 11))
    np.testing.assert_array_equal(toys.constraint_centres("er_rate"), 1.0)
    free = small(small_study)
    assert np.isnan(throw(free, "lz", templates, [1]).constraint_centres("er_rate")).all()


# Combinations


def test_limits_of_a_combination(one_shape):
    study, templates = one_shape
    toys = thrown(study, templates, 10)
    for interval in study.intervals:
        check_limits(study, "both", templates, toys, range(1, 11), interval)


def test_limits_of_a_combination_with_constrained_rates_and_a_shape_of_one(small_study):
    """Each detector's rate has its own centre; a shape of one detector leaves the other alone."""
    both = Interval("profiled", {}, ("leff", "light"))
    study = small(
        small_study,
        shapes=(LEFF, LIGHT),
        rate="normal",
        width=0.15,
        intervals=(both,),
        combined={"both": ("xenon1t", "lz")},
    )
    templates = synthetic(study)
    toys = thrown(study, templates, 4)
    a, b = (each.constraint_centres("er_rate") for each in toys.values())
    assert (a != b).all()
    check_limits(study, "both", templates, toys, range(1, 5), both)


def test_statistics_add_up(one_shape):
    """With all nuisances held, −2 ln L of a combination is the sum of its detectors'."""
    study, templates = one_shape
    signal = np.array([1.0, 4.0, 9.0])
    t_values = {}
    for target in ("xenon1t", "lz", "both"):
        problem = built(study, templates, target, NOMINAL)
        held = problem.structure.constraints.copy()
        held[1:] = [1, 1e-7]
        problem = dataclasses.replace(
            problem, structure=problem.structure._replace(constraints=held)
        )
        background = asimov(problem, np.append(0.0, problem.nominal[1:]))
        events = sum(templates[n][SIGNAL].nominal.sum() for n in study.targets[target])
        best, t = fits_at(problem, background, signal * events / 9.0)
        assert best[0] == pytest.approx(0.0, abs=1e-3)
        t_values[target] = t[0, :, 0]
    np.testing.assert_allclose(t_values["both"], t_values["xenon1t"] + t_values["lz"], rtol=1e-5)


def test_a_combination_is_stronger(small_study, small_templates):
    """Than its weaker detector, in the median of some trials."""
    study = dataclasses.replace(small_study, combined={"both": ("xenon1t", "lz")})
    toys = {n: throw(study, n, small_templates[n], range(1, 26)) for n in EVENTS}
    medians = {}
    for target, given_ in (("xenon1t", toys["xenon1t"]), ("lz", toys["lz"]), ("both", toys)):
        model = make_model(study, target, 50, "SI", small_templates)
        medians[target] = model.interval_limits(given_, "profiled")["limit_cm2"].median()
    assert medians["both"] < medians["lz"] * 1.02
    assert medians["both"] < 0.1 * medians["xenon1t"]


def test_a_combination_of_alike_detectors_is_stronger_than_each(one_shape):
    study, templates = one_shape
    toys = thrown(study, templates, 60)
    medians = {}
    for target, given_ in (("xenon1t", toys["xenon1t"]), ("lz", toys["lz"]), ("both", toys)):
        model = make_model(study, target, 50, "SI", templates)
        medians[target] = model.interval_limits(given_, "profiled")["limit_cm2"].median()
    assert medians["both"] < 0.95 * min(medians["xenon1t"], medians["lz"])


def test_a_partner_that_sees_no_signal_changes_nothing(one_shape):
    study, templates = one_shape
    blind = {name: dict(sources) for name, sources in templates.items()}
    blind["lz"][SIGNAL] = dataclasses.replace(
        blind["lz"][SIGNAL], expected=0 * blind["lz"][SIGNAL].expected
    )
    toys = thrown(study, templates, 20)
    alone = make_model(study, "xenon1t", 50, "SI", templates)
    both = make_model(study, "both", 50, "SI", blind)
    np.testing.assert_allclose(
        both.interval_limits(toys, "nominal")["limit_rate_multiplier"],
        alone.interval_limits(toys["xenon1t"], "nominal")["limit_rate_multiplier"],
        rtol=1e-4,
    )


def test_observed_data_of_a_combination(one_shape):
    """By name, in any order, like the same toys; other names are refused."""
    study, templates = one_shape
    model = make_model(study, "both", 50, "SI", templates)
    toys = thrown(study, templates, 3)
    fixed = {name: dataclasses.replace(each) for name, each in toys.items()}
    for each in fixed.values():
        each.truth.loc[each.truth["parameter"] == "leff", "constraint_centre"] = 0.0
    expected = model.interval_limits(fixed, "profiled").set_index("trial")["limit_cm2"]
    data = {n: toys[n].events[toys[n].events["trial"] == 2] for n in ("lz", "xenon1t")}
    limit = model.limit(data)
    assert limit.cm2 == pytest.approx(expected[2], rel=1e-9, abs=0)
    assert limit.n_events == sum(len(events) for events in data.values())

    one = data["lz"]
    for wrong in ({"lz": one}, {**data, "panda": one}, {"xenon1t": one, "LZ": one}):
        with pytest.raises(ValueError, match=r"data: found .*; needed, by name: xenon1t, lz"):
            model.limit(wrong)
    with pytest.raises(ValueError, match="data: found both; needed, by name: xenon1t, lz"):
        model.limit(one)
    with pytest.raises(ValueError, match="livetime_day: found both; needed"):
        model.limit(data, livetime_day=30.0)


def test_events_outside_of_a_combination(one_shape):
    """All of one detector's are refused whatever the other has seen; some are printed."""
    study, templates = one_shape
    model = make_model(study, "both", 50, "SI", templates)
    toys = thrown(study, templates, 1)
    data = {name: toys[name].events[["cs1", "cs2"]] for name in toys}
    n = {name: len(events) for name, events in data.items()}
    wrong = {**data, "lz": data["lz"].assign(cs2=1.0)}
    with pytest.raises(ValueError, match=rf"^data of lz: all {n['lz']} events lie .* space of lz:"):
        model.limit(wrong)
    one = data["lz"].iloc[:1].assign(cs2=1.0)
    limit = model.limit({**data, "lz": pd.concat([data["lz"], one])})
    assert limit.cm2 == model.limit(data).cm2
    assert (limit.n_events, limit.n_outside) == (sum(n.values()), 1)
    share = 100 / (n["lz"] + 1)
    expected = f"{limit.n_events} events; outside the analysis space: 1 of {n['lz'] + 1} "
    assert f"{expected}({share:.3g} %) in lz]" in str(limit)
    empty = model.limit({**data, "lz": data["lz"][:0]})
    assert (empty.n_events, empty.n_outside) == (n["xenon1t"], 0)


# A dataset's own livetime


@pytest.mark.parametrize("interval", ["nominal", "profiled"])
def test_a_livetime_of_its_own(one_shape, interval):
    """Twice the nominal one: like templates that expect twice as much."""
    study, templates = one_shape
    model = make_model(study, "xenon1t", 50, "SI", templates)
    twice = make_model(study, "xenon1t", 50, "SI", synthetic(study, scale=2.0))
    livetime = study.detectors["xenon1t"].livetime_day
    for trial in range(1, 6):
        events = throw(study, "xenon1t", templates["xenon1t"], [trial]).events
        limit = model.limit(events, interval, livetime_day=2 * livetime)
        expected = twice.limit(events, interval)
        assert limit.rate_multiplier == pytest.approx(expected.rate_multiplier, rel=1e-6)
        assert limit.best_fit["er_rate"] == pytest.approx(expected.best_fit["er_rate"], rel=1e-4)
        same = model.limit(events, interval, livetime_day=livetime)
        assert same.cm2 == model.limit(events, interval).cm2 > limit.cm2


def test_livetimes_of_a_combination(one_shape):
    """Each detector has its own; the signal of one event each stays the nominal one."""
    study, templates = one_shape
    model = make_model(study, "both", 50, "SI", templates)
    longer = {"xenon1t": templates["xenon1t"], "lz": synthetic(study, scale=3.0)["lz"]}
    other = make_model(study, "both", 50, "SI", longer)
    data = {n: throw(study, n, templates[n], [1]).events for n in EVENTS}
    livetimes = {n: study.detectors[n].livetime_day * k for n, k in (("lz", 3), ("xenon1t", 1))}
    limit = model.limit(data, "nominal", livetime_day=livetimes)
    expected = other.limit(data, "nominal")
    assert limit.rate_multiplier == pytest.approx(expected.rate_multiplier, rel=1e-6)
    assert limit.rate_multiplier != pytest.approx(model.limit(data, "nominal").rate_multiplier)


def test_no_events_and_a_longer_livetime(one_shape):
    """Half the critical value in signal events of that livetime."""
    study, templates = one_shape
    model = make_model(study, "xenon1t", 50, "SI", templates)
    nothing = pd.DataFrame({"cs1": [], "cs2": []})
    livetime = 2.5 * study.detectors["xenon1t"].livetime_day
    limit = model.limit(nothing, "nominal", livetime_day=livetime)
    expected = CRITICAL / 2 / (2.5 * model.signal_events)
    assert limit.rate_multiplier == pytest.approx(expected, rel=1e-6)
