"""A small study, its responses, spectra and templates: computed once for all tests."""

import dataclasses
import fcntl
import shutil
import sys
from collections import Counter
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings

from small import SMALL
from zeptobarn.inference import load
from zeptobarn.study.loading import load_study
from zeptobarn.study.slices.template import template_slice
from zeptobarn.study.study import Study
from zeptobarn.support import paths
from zeptobarn.support.reachable import code_of
from zeptobarn.support.tables import digest
from zeptobarn.templates.building import build
from zeptobarn.templates.response import Response, compute_response, read_response, write_response
from zeptobarn.templates.spectra import source_tables
from zeptobarn.templates.templates import Template, read_template, write_template

ROOT = Path(__file__).parent.parent

# By default it holds within 1e-12 whatever the relative tolerance: any two cross sections in cm².
_approx = pytest.approx


def _approx_that_can_fail(expected, rel=None, abs=None, nan_ok=False):
    if abs is None:
        values = expected.values() if isinstance(expected, Mapping) else expected
        sizes = np.abs(np.ravel(np.array(list(values) if np.iterable(values) else values, float)))
        tiny = (sizes > 0) & (sizes * (1e-6 if rel is None else rel) < 1e-12)
        assert not tiny.any(), f"approx holds within 1e-12, expected is {expected}: give abs"
    return _approx(expected, rel, abs, nan_ok)


pytest.approx = _approx_that_can_fail

# The same examples in every run: a failure is the change's, not the dice's.
settings.register_profile("fixed", derandomize=True)
settings.load_profile("fixed")


@pytest.fixture(scope="session", autouse=True)
def _in_root(tmp_path_factory: pytest.TempPathFactory):
    """Tests name files relative to the repository, and keep none in the user's cache."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.setattr(load, "kept", lambda kind, name: folder / kind / f"{name}.parquet")
        yield


@pytest.fixture(scope="session")
def small_study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Both detectors with coarse, quick templates."""
    overlay = tmp_path_factory.mktemp("config") / "small.yaml"
    overlay.write_text(SMALL)
    return load_study(ROOT / "config/config.yaml", overlay)


@pytest.fixture(scope="session")
def small_results(
    small_study: Study, pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Folder with the small study's responses, spectra and templates.

    It is kept between runs and shared by processes, under the hash of all that it depends on:
    this file's code with what it reaches, the configuration, and the libraries.
    """
    depends_on = [
        template_slice(small_study, detector, source)
        for detector in small_study.detectors
        for source in _sources(small_study, detector)
    ]
    libraries = [version(name) for name in ("numpy", "scipy", "pandas", "nestpy", "wimprates")]
    name = f"{code_of(__file__)}-{digest([depends_on, libraries, sys.version])}"
    cache = getattr(pytestconfig, "cache", None)  # None with -p no:cacheprovider
    folder = cache.mkdir("zeptobarn") if cache else tmp_path_factory.getbasetemp()
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / name).exists():
            for old in folder.glob("*-*"):
                shutil.rmtree(old)
            _compute(small_study, folder / "unfinished")
            (folder / "unfinished").rename(folder / name)
    return folder / name


def _sources(study: Study, detector: str) -> list[str]:
    return [*study.signals(), *(source.name for source in study.detectors[detector].sources)]


def _compute(study: Study, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    for detector in study.detectors:
        responses = {}
        for recoil in ("nr", "er"):
            responses[recoil] = {}
            for anchor in study.anchors(detector, recoil):
                responses[recoil][anchor] = compute_response(study, detector, recoil, anchor)
                path = paths.fill(paths.RESPONSE, detector=detector, recoil=recoil, anchor=anchor)
                write_response(
                    study, detector, recoil, anchor, responses[recoil][anchor], folder / path
                )
        for source in _sources(study, detector):
            spectra = source_tables(study, detector, source)
            for spectrum in spectra.values():
                path = folder / f"spectra/{source}.parquet"
                path.parent.mkdir(parents=True, exist_ok=True)
                spectrum.to_parquet(path)
            template = build(study, detector, source, spectra, responses)
            path = paths.fill(paths.TEMPLATE, detector=detector, source=source)
            write_template(study, detector, source, template, folder / path)


@pytest.fixture(scope="session")
def small_responses(
    small_study: Study, small_results: Path
) -> dict[str, dict[str, dict[str, Response]]]:
    """Responses of the small study, by detector, recoil type and anchor."""
    study = dataclasses.replace(small_study, results=small_results)
    return {
        detector: {
            recoil: {
                anchor: read_response(
                    study, detector, recoil, anchor,
                    study.path(paths.RESPONSE, detector=detector, recoil=recoil, anchor=anchor),
                )
                for anchor in study.anchors(detector, recoil)
            }
            for recoil in ("nr", "er")
        }
        for detector in study.detectors
    }  # fmt: skip


@pytest.fixture(scope="session")
def small_spectra(small_study: Study, small_results: Path) -> dict[str, pd.DataFrame]:
    """Spectrum of every signal of the small study."""
    return {
        name: pd.read_parquet(small_results / f"spectra/{name}.parquet")
        for name in small_study.signals()
    }


@pytest.fixture(scope="session")
def small_templates(small_study: Study, small_results: Path) -> dict[str, dict[str, Template]]:
    """Templates of every source of the small study, by detector."""
    study = dataclasses.replace(small_study, results=small_results)
    return {
        detector: {
            source: read_template(
                study, detector, source,
                study.path(paths.TEMPLATE, detector=detector, source=source),
            )
            for source in _sources(study, detector)
        }
        for detector in study.detectors
    }  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, so that no core waits for it at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Say in a last sentence what was skipped, and why."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or hasattr(config, "workerinput"):
        return
    reasons = Counter(report.longrepr[2] for report in reporter.stats.get("skipped", []))
    for reason, number in reasons.items():
        tests = "1 test was" if number == 1 else f"{number} tests were"
        reporter.write_line(f"{tests} skipped: {reason.removeprefix('Skipped: ')}.")
