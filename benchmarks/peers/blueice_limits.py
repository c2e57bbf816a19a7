"""Upper limits computed with blueice, from templates and datasets in a file.

blueice is a likelihood package of the XENON collaboration. This script does not import zeptobarn
and has requirements of its own, so it runs in an environment of its own::

    python3.11 -m venv blueice-venv
    blueice-venv/bin/pip install --require-hashes -r benchmarks/peers/requirements.txt
    blueice-venv/bin/python benchmarks/peers/blueice_limits.py input.npz [method] > limits.json

The limit is the one of ``one_parameter_interval(kind="upper")`` at its asymptotic critical value.
Templates become histogram densities without a simulation. Likelihoods at the anchors are prepared
once; this set-up is timed by itself, like each dataset. A dataset's time holds ``set_data``, the
best fit and the search for the limit, whose bound starts 10 events above the best fit and grows
tenfold until it brackets the limit.

Three choices differ from blueice's defaults: events that no source explains make the likelihood
zero (default: 1e-12 in place of the density), densities are constant in a bin (default: linear
between bin centres), and the signal is rescaled to one event, so that its rate is of order one.
One property of blueice stays: it interpolates the number of events and the normalised density of
a source separately between anchors, so that their product is not linear there. Where leff is free,
limits differ by it from those of a likelihood with linear rates.

Parameters
----------
input.npz
    Read without pickle. Arrays:

    ``edges1``, ``edges2``
        Bin edges of cs1 and cs2.
    ``anchors``
        Values of the shape parameter leff; 0 lies within them.
    ``expected``
        Expected events, shape (anchors, sources, bins), flat bin i1 * n2 + i2. Source 0 is the
        signal at rate multiplier 1.
    ``free``
        Whether each source's rate is free (bool); the signal's always is.
    ``cs1``, ``cs2``, ``first``
        Events of all datasets; dataset d is ``first[d]:first[d + 1]``.
    ``centres``
        Centre of leff's unit-normal constraint in each dataset.
    ``profile_shape``
        Whether shape parameters are free; otherwise they are 0.
    ``confidence_level``
        Of the one-sided limit.
    ``second_shape``, ``second_anchors``, ``second_centres`` (optional)
        Name, anchors and constraint centres (0 by default) of another shape parameter; then
        ``expected`` has the shape (anchors, second anchors, sources, bins).
method
    The minimiser: ``slsqp`` (`bestfit_scipy` with bounds and SLSQP), ``minuit`` (MIGRAD; blueice's
    own `bestfit_minuit` needs iminuit 1, which does not build for Python 3.11), ``scipy``
    (`bestfit_scipy` with its defaults: BFGS without bounds, then Nelder-Mead; often wrong) or
    ``best``, the default: the faster of the first two on the first datasets, which is not timed,
    and where it fails the other. With the first two, each fit starts at the result of the one
    before it.
--search-tolerance
    Relative precision of the search for the limit; by default blueice's, machine precision.

Returns
-------
JSON on standard output: ``seconds_setup``, ``minimisers`` (in the order in which a dataset tries
them), ``versions`` and for each dataset ``limits`` and ``best_fit_signal`` (rate multipliers),
``seconds`` (CPU) and ``errors``; null is none.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"
os.environ["TQDM_DISABLE"] = "1"

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np
from blueice import inference
from blueice.likelihood import UnbinnedLogLikelihood
from blueice.source import HistogramPdfSource
from iminuit import Minuit
from multihist import Histdd
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator

Floats = NDArray[np.float64]
Fit = tuple[Mapping[str, float], float]
Minimiser = Callable[..., Fit]

SIGNAL = "signal"
TARGET = f"{SIGNAL}_rate_multiplier"
TRIED = 3  # datasets on which the method "best" compares minimisers
EXPANSIONS = 12


@dataclass(frozen=True, eq=False)
class Template:
    """Expected events of a source, by values of the shape parameters.

    Attributes
    ----------
    anchors
        Anchors of each shape parameter, by name.
    expected
        Shape (anchors of the first, …, bins).
    """

    anchors: dict[str, Floats]
    expected: Floats

    def __deepcopy__(self, memo: dict[int, Any]) -> "Template":
        """Not copied: blueice copies its configuration for each anchor."""
        return self

    def at(self, values: Mapping[str, float]) -> Floats:
        """Expected events per bin, linear between anchors."""
        axes = [points for points in self.anchors.values() if len(points) > 1]
        names = [name for name, points in self.anchors.items() if len(points) > 1]
        shape = [len(points) for points in axes]
        table = self.expected.reshape([*shape, -1])
        if not axes:
            return table
        point = [values[name] for name in names]
        return np.asarray(RegularGridInterpolator(axes, table)(point)[0])


class TemplateSource(HistogramPdfSource):
    """A source whose density is the `Template` in its configuration."""

    def build_histogram(self) -> None:
        """Set the density, the bin volumes and the expected events."""
        template: Template = self.config["template"]
        edges = [edges for _, edges in self.config["analysis_space"]]
        events = template.at(self.config).reshape([len(axis) - 1 for axis in edges])
        total = float(events.sum())
        self.events_per_day = total
        self._bin_volumes = np.multiply.outer(*[np.diff(axis) for axis in edges])
        density = events / (total or 1.0) / self._bin_volumes
        self._pdf_histogram = Histdd.from_histogram(density, edges)
        self._n_events_histogram = Histdd.from_histogram(events, edges)


class Constraint:
    """Unit-normal constraint; its centre is set for each dataset."""

    centre = 0.0

    def __call__(self, value: float) -> float:
        return -0.5 * (value - self.centre) ** 2


@dataclass(frozen=True)
class Peer:
    """A prepared likelihood with its datasets.

    Attributes
    ----------
    likelihood
        blueice's.
    signal_events
        Expected signal events at rate multiplier 1 of the input, shape parameters at 0; in the
        likelihood the signal expects one event.
    constraints, centres
        Of each shape parameter that is free.
    datasets
        Records with the fields ``cs1`` and ``cs2``.
    """

    likelihood: UnbinnedLogLikelihood
    signal_events: float
    confidence_level: float
    constraints: dict[str, Constraint]
    centres: dict[str, Floats]
    datasets: list[NDArray[np.void]]


@dataclass(frozen=True)
class Result:
    """Of one dataset; rate multipliers of the input."""

    limit: float | None
    best_fit: float | None
    seconds: float
    error: str | None


def prepare(given: Mapping[str, NDArray[Any]], cache: str) -> Peer:
    """Build the likelihood.

    Parameters
    ----------
    given
        The input's arrays.
    cache
        Folder that blueice creates though nothing is cached.
    """
    anchors = {"leff": given["anchors"]}
    centres = {"leff": given["centres"]}
    if "second_shape" in given:
        second = str(given["second_shape"])
        anchors[second] = given["second_anchors"]
        centres[second] = given.get("second_centres", np.zeros_like(given["centres"]))
    expected = given["expected"]
    nominal = dict.fromkeys(anchors, 0.0)
    templates = [Template(anchors, expected[..., s, :]) for s in range(expected.shape[-2])]
    signal_events = float(templates[0].at(nominal).sum())
    templates[0] = Template(anchors, expected[..., 0, :] / signal_events)

    names = [SIGNAL] + [f"background{s}" for s in range(1, len(templates))]
    likelihood = UnbinnedLogLikelihood(
        {
            "sources": [
                {"name": name, "template": template, "extra_dont_hash_settings": ["template"]}
                for name, template in zip(names, templates, strict=True)
            ],
            "default_source_class": TemplateSource,
            "analysis_space": [("cs1", given["edges1"]), ("cs2", given["edges2"])],
            "pdf_interpolation_method": "piecewise",
            "force_recalculation": True,
            "never_save_to_cache": True,
            "cache_dir": cache,
            **nominal,
        },
        {"outlier_likelihood": 0},
    )
    for s, name in enumerate(names):
        if s == 0 or given["free"][s]:
            likelihood.add_rate_parameter(name)
    constraints = {}
    if given["profile_shape"]:
        for name, points in anchors.items():
            constraints[name] = Constraint()
            likelihood.add_shape_parameter(name, points.tolist(), log_prior=constraints[name])
    likelihood.prepare()
    events = np.empty(len(given["cs1"]), dtype=[("cs1", float), ("cs2", float)])
    events["cs1"], events["cs2"] = given["cs1"], given["cs2"]
    return Peer(
        likelihood=likelihood,
        signal_events=signal_events,
        confidence_level=float(given["confidence_level"]),
        constraints=constraints,
        centres=centres,
        datasets=np.split(events, given["first"])[1:-1],
    )


def minuit(likelihood: UnbinnedLogLikelihood, **options: Any) -> Fit:
    """Best fit by MIGRAD; same arguments and results as blueice's `bestfit_scipy`."""
    function, names, start, bounds = likelihood.make_objective(**options)
    fit = Minuit(function, start, name=names)
    fit.limits = bounds
    fit.errordef = Minuit.LIKELIHOOD
    fit.strategy = 0
    fit.migrad()
    if not fit.valid:
        raise RuntimeError("MIGRAD found no valid minimum")
    return fit.values.to_dict(), -float(fit.fval)


def slsqp(likelihood: UnbinnedLogLikelihood, **options: Any) -> Fit:
    """Best fit by blueice's `bestfit_scipy` with bounds."""
    settings = {"method": "SLSQP", "options": {"ftol": 1e-9}}
    result: Fit = inference.bestfit_scipy(
        likelihood, minimize_kwargs=settings, pass_bounds_to_minimizer=True, **options
    )
    return result


MINIMISERS: dict[str, Minimiser] = {
    "slsqp": slsqp,
    "minuit": minuit,
    "scipy": inference.bestfit_scipy,
}


class Fitter:
    """The fits of a dataset, as `one_parameter_interval` calls them.

    It keeps the best fit. With bounds, each fit starts at the result of the one before it; without,
    a start on a bound misleads Nelder-Mead, and all start at the nominal values.
    """

    def __init__(self, peer: Peer, minimiser: Minimiser) -> None:
        self.minimiser = minimiser
        rates = [f"{name}_rate_multiplier" for name in peer.likelihood.rate_parameters]
        self.guess = dict.fromkeys(rates, 1.0) | dict.fromkeys(peer.constraints, 0.0)
        self.best: Fit | None = None

    def __call__(self, likelihood: UnbinnedLogLikelihood, **fixed: float) -> Fit:
        if not fixed and self.best is not None:
            return self.best
        if set(self.guess) <= set(fixed):
            return {}, float(likelihood(**fixed))
        values, maximum = self.minimiser(likelihood, guess=self.guess, **fixed)
        if self.minimiser is not inference.bestfit_scipy:
            self.guess |= {name: float(value) for name, value in values.items()}
        if not fixed:
            self.best = values, maximum
        return values, maximum


def limit(peer: Peer, dataset: int, method: str) -> Result:
    """Compute and time one limit."""
    start = time.process_time()
    best_fit = limit_events = error = None
    try:
        for name, constraint in peer.constraints.items():
            constraint.centre = float(peer.centres[name][dataset])
        peer.likelihood.set_data(peer.datasets[dataset])
        fitter = Fitter(peer, MINIMISERS[method])
        best_fit = float(fitter(peer.likelihood)[0][TARGET])
        limit_events = search(peer, fitter, best_fit)
    except Exception as problem:  # whatever a minimiser raises is a result of the benchmark
        error = f"{type(problem).__name__}: {str(problem)[:200]}"
    seconds = time.process_time() - start
    return Result(
        limit=None if limit_events is None else limit_events / peer.signal_events,
        best_fit=None if best_fit is None else best_fit / peer.signal_events,
        seconds=seconds,
        error=error,
    )


def search(peer: Peer, fitter: Fitter, best_fit: float) -> float:
    """Find the limit below a bound that grows until it brackets the limit (signal events)."""
    bound = best_fit + 10
    for attempt in range(EXPANSIONS):
        try:
            return float(
                inference.one_parameter_interval(
                    peer.likelihood,
                    TARGET,
                    bound,
                    confidence_level=peer.confidence_level,
                    kind="upper",
                    bestfit_routine=fitter,
                )
            )
        except ValueError:
            if attempt == EXPANSIONS - 1:
                raise
            bound *= 10
    raise AssertionError


def ordered(peer: Peer, method: str) -> list[str]:
    """Methods to try on a dataset, in this order; see ``best`` in the module's docstring."""
    if method != "best":
        return [method]
    cost: dict[str, tuple[int, float]] = {}
    for name in ("slsqp", "minuit"):
        results = [limit(peer, d, name) for d in range(min(TRIED, len(peer.datasets)))]
        failures = sum(result.limit is None for result in results)
        cost[name] = (failures, sum(result.seconds for result in results))
    return sorted(cost, key=lambda name: cost[name])


def limits(peer: Peer, methods: list[str]) -> list[Result]:
    """Compute the limits of all datasets; the time of a method that failed counts."""
    results = []
    for dataset in range(len(peer.datasets)):
        seconds = 0.0
        for method in methods:
            result = limit(peer, dataset, method)
            seconds += result.seconds
            if result.limit is not None:
                break
        results.append(Result(result.limit, result.best_fit, seconds, result.error))
    return results


def main() -> None:
    """Read the input, compute, and print JSON."""
    parser = argparse.ArgumentParser(description="Upper limits computed with blueice.")
    parser.add_argument("input")
    parser.add_argument("method", nargs="?", default="best", choices=["best", *MINIMISERS])
    parser.add_argument("--search-tolerance", type=float)
    arguments = parser.parse_args()
    if arguments.search_tolerance is not None:
        # one_parameter_interval has no parameter for it.
        inference.brentq = partial(inference.brentq, rtol=arguments.search_tolerance)
    with np.load(arguments.input) as stored:
        given = {name: stored[name] for name in stored.files}
    with np.errstate(all="ignore"), tempfile.TemporaryDirectory() as cache:
        start = time.process_time()
        peer = prepare(given, cache)
        seconds_setup = time.process_time() - start
        methods = ordered(peer, arguments.method)
        results = limits(peer, methods)
    output = {
        "seconds_setup": seconds_setup,
        "limits": [result.limit for result in results],
        "seconds": [result.seconds for result in results],
        "best_fit_signal": [result.best_fit for result in results],
        "errors": [result.error for result in results],
        "minimisers": methods,
        "versions": {
            "python": platform.python_version(),
            **{
                name: version(name)
                for name in ("blueice", "iminuit", "multihist", "numpy", "scipy")
            },
        },
    }
    print(json.dumps(output))


if __name__ == "__main__":
    main()
