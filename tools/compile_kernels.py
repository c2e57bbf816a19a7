"""Compile the kernels of a study once, into numba's cache: the first run then does not wait."""

import dataclasses

from zeptobarn.model import build_templates, make_model
from zeptobarn.study import Calibration, load_study
from zeptobarn.toys import throw

study = load_study("config/config.yaml")
study = dataclasses.replace(
    study,
    energy_bin_width_log=0.1,
    calibration=Calibration(1, (0.0, 1.0)),
)
detector, mass = "xenon1t", study.masses_GeV[0]
sources = [*study.signals()[:1], *(source.name for source in study.detectors[detector].sources)]
templates = {detector: build_templates(study, detector, sources)}
model = make_model(study, detector, mass, study.interactions[0], templates)
model.limits(throw(study, detector, templates[detector], [1]))
model.calibrate()
