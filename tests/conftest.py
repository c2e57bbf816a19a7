"""A small study, its responses, spectra and templates: computed once for all tests."""

import fcntl
import hashlib
import pickle
import sys
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest
from hypothesis import settings

from zeptobarn.reachable import code_of
from zeptobarn.response import Response, compute_response
from zeptobarn.spectra import source_spectrum
from zeptobarn.study import Study, load_study, template_slice
from zeptobarn.tables import digest
from zeptobarn.templates import Template, build

ROOT = Path(__file__).parent.parent

# The same examples in every run: a failure is the change's, not the dice's.
settings.register_profile("fixed", derandomize=True)
settings.load_profile("fixed")

SMALL = """
results: results/small
masses_GeV: [7, 10, 50, 1000]
trials: 20
trials_per_batch: 20
response: {events_per_energy_bin: 20000, energy_bin_width_log: 0.05}
"""


class Computed(NamedTuple):
    """Of the small study: responses by detector, recoil type and anchor; the rest by source."""

    responses: dict[str, dict[str, dict[str, Response]]]
    spectra: dict[str, dict[str, pd.DataFrame | None]]
    templates: dict[str, dict[str, Template]]


@pytest.fixture(scope="session", autouse=True)
def _in_root(tmp_path_factory: pytest.TempPathFactory):
    """Detector files name spectra relative to the repository."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        yield


@pytest.fixture(scope="session")
def small_study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Both detectors with coarse, quick templates."""
    overlay = tmp_path_factory.mktemp("config") / "small.yaml"
    overlay.write_text(SMALL)
    return load_study(ROOT / "config/config.yaml", overlay)


@pytest.fixture(scope="session")
def small_computed(
    small_study: Study, pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Computed:
    """Kept between runs and shared by workers, under the hash of all that it depends on.

    That is this file's code, with what it reaches, the configuration, and the libraries.
    """
    depends_on = [
        [
            template_slice(small_study, detector, source)
            for source in _sources(small_study, detector)
        ]
        for detector in small_study.detectors
    ]
    libraries = [version(name) for name in ("numpy", "scipy", "pandas", "nestpy", "wimprates")]
    name = f"{code_of(__file__)}-{digest([depends_on, libraries, sys.version])}"
    cache = getattr(pytestconfig, "cache", None)  # None with -p no:cacheprovider
    folder = cache.mkdir("zeptobarn") if cache else tmp_path_factory.getbasetemp()
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (found := _kept(folder / name)) is None:
            found = _compute(small_study)
            content = pickle.dumps(found)
            for old in folder.glob("*-*"):
                old.unlink()
            (folder / name).write_bytes(hashlib.sha256(content).digest() + content)
    return found


def _kept(file: Path) -> Computed | None:
    """What a file holds; None where it is not whole."""
    content = file.read_bytes() if file.exists() else b""
    if hashlib.sha256(content[32:]).digest() != content[:32]:
        return None
    return pickle.loads(content[32:])


def _sources(study: Study, detector: str) -> list[str]:
    return [*study.signals(), *(source.name for source in study.detectors[detector].sources)]


def _compute(study: Study) -> Computed:
    responses, spectra, templates = {}, {}, {}
    for name in study.detectors:
        responses[name] = {
            recoil: {
                anchor: compute_response(study, name, recoil, anchor)
                for anchor in study.anchors(name, recoil)
            }
            for recoil in ("nr", "er")
        }
        spectra[name] = {
            source: source_spectrum(study, name, source) for source in _sources(study, name)
        }
        templates[name] = {
            source: build(
                study, name, source, spectrum, responses[name].get(study.recoil(name, source), {})
            )
            for source, spectrum in spectra[name].items()
        }
    return Computed(responses, spectra, templates)


@pytest.fixture(scope="session")
def small_responses(small_computed: Computed) -> dict[str, dict[str, dict[str, Response]]]:
    """Responses of the small study, by detector, recoil type and anchor."""
    return small_computed.responses


@pytest.fixture(scope="session")
def small_spectra(small_computed: Computed) -> dict[str, pd.DataFrame]:
    """Spectrum of every signal of the small study."""
    return {
        name: table for name, table in small_computed.spectra["xenon1t"].items() if "wimp" in name
    }


@pytest.fixture(scope="session")
def small_templates(small_computed: Computed) -> dict[str, dict[str, Template]]:
    """Templates of every source of the small study, by detector."""
    return small_computed.templates
