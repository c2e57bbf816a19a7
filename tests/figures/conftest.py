"""What several tests of figures need: the study made by hand, and limits of the small study."""

import dataclasses
from functools import cache

import handmade
import pandas as pd
import pytest

from zeptobarn.failures import scans
from zeptobarn.failures.trials import run
from zeptobarn.inference.load import make_model
from zeptobarn.study.settings import Failures
from zeptobarn.templates.toys import throw

# Looked through for doctests, it would be taken for the workflow's file of the same name.
collect_ignore = ["conftest.py"]


@pytest.fixture(scope="session")
def study():
    return handmade.study()


@pytest.fixture(scope="session")
def models(small_study, small_templates):
    """LZ's model of every mass of the small study."""
    return [
        make_model(small_study, "lz", mass, "SI", small_templates)
        for mass in small_study.masses_GeV
    ]


@pytest.fixture(scope="session")
def toys(small_study, small_templates):
    return throw(small_study, "lz", small_templates["lz"], range(1, 21))


@pytest.fixture(scope="session")
def limits(models, toys):
    return pd.concat(model.limits(toys) for model in models)


@pytest.fixture(scope="session")
def failure_study(small_study):
    return dataclasses.replace(small_study, failures=Failures(15, 30))


@pytest.fixture(scope="session")
def failure_trials(failure_study, small_templates, small_spectra):
    """The trials of a scan of the failure study, made when they are first asked for."""

    @cache
    def trials(scan):
        spectra = {s: small_spectra[s] for s in scans.sources(failure_study, scan)}
        return run(failure_study, "xenon1t", scan, small_templates["xenon1t"], spectra)

    return trials
