"""Compile all kernels once, so that jobs that start side by side find them compiled."""

import dataclasses
import platform
import sys
from typing import TYPE_CHECKING

import llvmlite.binding
import numba

from zeptobarn.support.cache import cache_folder
from zeptobarn.support.reachable import code_of

if TYPE_CHECKING:
    from zeptobarn.study.study import Study


def compile_kernels(study: "Study") -> None:
    """Compile every kernel by running a tiny study, unless this machine has them.

    Parameters
    ----------
    study
        A study with at least one detector; its first one lends its numbers. Templates are flat
        and nothing is written but the cache of kernels.
    """
    parts = (code_of(__file__), numba.__version__, platform.python_version())
    name = "-".join(["compiled", *parts, llvmlite.binding.get_host_cpu_name()])
    stamp = cache_folder() / name
    if stamp.exists():
        return
    print("compiling kernels: some minutes, once for this version and machine", file=sys.stderr)
    _run(study)
    stamp.touch()


def _run(study: "Study") -> None:
    import numpy as np

    from zeptobarn.failures.trials import run
    from zeptobarn.inference.load import make_model
    from zeptobarn.physics.simulate import histogram
    from zeptobarn.study.settings import Calibration, Failures
    from zeptobarn.templates.spectra import spectrum
    from zeptobarn.templates.templates import Template
    from zeptobarn.templates.toys import throw

    study = dataclasses.replace(
        study,
        trials=1,
        calibration=Calibration(1200, (0.0, 0.01)),
        failures=Failures(1, 1),
        masses_GeV=(max(study.masses_GeV, default=50),),
        interactions=study.interactions[:1] or ("SI",),
        given_signals=(),
    )
    detector = next(iter(study.detectors.values()))
    (signal,) = study.signals()
    templates = {}
    for source in (signal, *(source.name for source in detector.sources)):
        anchors = tuple(study.source_anchors(detector.name, source).values())
        events = 1e-15 if source == signal else 0.01  # far below the recoils of any interaction
        expected = np.full((len(anchors), np.prod(detector.space.shape)), events)
        templates[source] = Template(anchors, expected, np.zeros_like(expected))
    model = make_model(
        study, detector.name, study.masses_GeV[0], study.interactions[0], {detector.name: templates}
    )
    model = dataclasses.replace(model, critical_values=model.calibrate())
    model.limits(throw(study, detector.name, templates, [1]))
    edges = np.array([5.0, 5.1])  # keV
    histogram(detector.apparatus, "er", detector.space, edges, 1, [np.random.default_rng(0)])
    run(study, detector.name, "bound", templates, {signal: spectrum(study, signal)})
