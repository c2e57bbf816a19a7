"""Compiling ahead: nothing that a study calls is compiled later."""

import os
import subprocess
import sys

import pytest

from small import SMALL

# After the warm-up, a study of another detector, method and kind; which kernels were compiled
# for other types then?
_STUDY = """
import dataclasses
import sys
from numba.core.dispatcher import Dispatcher
from zeptobarn.failures.trials import run
from zeptobarn.cli import warmup
from zeptobarn.support import paths
from zeptobarn.inference.load import make_model
from zeptobarn.templates.response import compute_response
from zeptobarn.summary.sensitivity import asimov_limits
from zeptobarn.templates.spectra import spectrum
from zeptobarn.study.loading import load_study
from zeptobarn.study.study import Calibration, Coverage, Failures
from zeptobarn.templates.templates import read_template
from zeptobarn.templates.toys import throw

def compiled():
    return {
        (name, key, str(signature))
        for name, module in list(sys.modules.items())
        if name.startswith("zeptobarn")
        for key, value in list(vars(module).items())
        if isinstance(value, Dispatcher)
        for signature in value.signatures
    }

study = load_study("config/config.yaml", sys.argv[1])
warmup._run(dataclasses.replace(study, critical_values=sys.argv[3]))
before = compiled()
study = dataclasses.replace(
    study,
    masses_GeV=(50,),
    combined={"both": ("xenon1t", "lz")},
    intervals=tuple(
        dataclasses.replace(study.intervals[-1], name=kind, kind=kind)
        for kind in ("upper", "unified", "central")
    ),
    calibration=Calibration(1500, (0.0, 0.3, 1.0)),
    coverage=Coverage(2, (50,), (1.0,)),
    failures=Failures(2, 2),
)
(signal,) = study.signals()
templates = {
    name: {
        s: read_template(
            study, name, s, sys.argv[2] + "/" + paths.fill(paths.TEMPLATE, detector=name, source=s)
        )
        for s in (signal, *(source.name for source in detector.sources))
    }
    for name, detector in study.detectors.items()
}
for target, members in study.targets.items():
    model = make_model(study, target, 50, "SI", templates)
    toys = {name: throw(study, name, templates[name], [1, 2]) for name in members}
    model.limits(toys)
    asimov_limits(model, study.intervals[0])
    model = dataclasses.replace(model, critical_values=model.calibrate())
    model.limits(toys)
    model.coverage()
    first = {name: t.events[t.events["trial"] == 1] for name, t in toys.items()}
    model.discovery(first, "upper")
for scan in ("n_trials", "bound"):
    signals = {s: spectrum(study, s) for s in (signal,)}
    run(study, "lz", scan, templates["lz"], signals)
simulated = dataclasses.replace(study, response_method="simulation", events_per_energy_bin=500)
compute_response(simulated, "lz", "nr", "leff_0")
print(len(before), *sorted(compiled() - before), sep="\\n")
"""


@pytest.mark.slow
@pytest.mark.parametrize("critical_values", ["asymptotic", "toys"])
def test_a_study_compiles_nothing_more(small_results, tmp_path, critical_values):
    overlay = tmp_path / "small.yaml"
    overlay.write_text(SMALL)
    done = subprocess.run(
        [sys.executable, "-c", _STUDY, overlay, small_results, critical_values],
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    number, *later = done.stdout.splitlines()
    assert int(number) >= 8
    assert later == []
