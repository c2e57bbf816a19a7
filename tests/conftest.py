"""A small study and its templates, built once for all tests."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings

from zeptobarn.model import build_templates
from zeptobarn.study import Study, load_study
from zeptobarn.templates import Template

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
def small_templates(small_study: Study) -> dict[str, dict[str, Template]]:
    """Templates of every source of the small study, by detector."""
    return {
        name: build_templates(
            small_study, name, [*small_study.signals(), *(s.name for s in detector.sources)]
        )
        for name, detector in small_study.detectors.items()
    }


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
