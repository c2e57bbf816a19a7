import subprocess
import sys

import pytest

MISTAKE = "from zeptobarn.support.config import ConfigError; raise ConfigError('g1: found 2')"


@pytest.mark.parametrize(
    ("code", "status", "expected", "traces"),
    [
        ("x = 1", 0, "", (False, False)),
        ("raise ValueError('no photons')", 1, "ValueError: no photons", (True, True)),
        (MISTAKE, 1, "ConfigError: g1: found 2", (True, False)),
    ],
)
def test_log_of_a_process(tmp_path, code, status, expected, traces):
    log = tmp_path / "logs" / "job.log"
    begin = f"from zeptobarn.support.joblog import keep_log\nkeep_log({str(log)!r})\n"
    done = subprocess.run(
        [sys.executable, "-c", begin + code], capture_output=True, text=True, check=False
    )
    assert done.returncode == status
    text = log.read_text()
    for output, trace in zip((text, done.stderr), traces, strict=True):
        assert expected in output
        assert ("Traceback" in output) == trace
    assert text.endswith("MB at most\n")


def test_what_every_job_imports_loads_nothing_of_scipy():
    """A short job is mostly its start; `scipy.optimize` alone takes longer than to read a model."""
    code = (
        "import sys, zeptobarn.inference.load, zeptobarn.study.loading, zeptobarn.templates.toys\n"
        "print(*{'scipy.' + m.split('.')[1] for m in sys.modules if m.startswith('scipy.')})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    costly = {"constants", "fft", "interpolate", "linalg", "optimize", "sparse", "special", "stats"}
    assert set(done.stdout.split()).isdisjoint(f"scipy.{name}" for name in costly)
