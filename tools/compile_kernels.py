"""Compile the kernels of a study once, into numba's cache: the first run then does not wait."""

import dataclasses

from zeptobarn import failures
from zeptobarn.model import build_templates, make_model
from zeptobarn.spectra import spectrum
from zeptobarn.study import Calibration, Failures, load_study
from zeptobarn.toys import throw

study = load_study("config/config.yaml")
study = dataclasses.replace(
    study,
    energy_bin_width_log=0.1,
    calibration=Calibration(1, (0.0, 1.0)),
    failures=Failures(1, 1),
    masses_GeV=study.masses_GeV[:1],
)
detector, mass = "xenon1t", study.masses_GeV[0]
sources = [*study.signals()[:1], *(source.name for source in study.detectors[detector].sources)]
templates = {detector: build_templates(study, detector, sources)}
model = make_model(study, detector, mass, study.interactions[0], templates)
model.limits(throw(study, detector, templates[detector], [1]))
model.calibrate()
signal = {sources[0]: spectrum(study, sources[0])}
failures.run(study, detector, "n_trials", templates[detector], signal)
