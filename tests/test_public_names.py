"""The names that notebooks use: there, lazily, and with their types."""

import subprocess
import sys

import pytest

import zeptobarn


def test_every_public_name_is_there():
    for name in zeptobarn.__all__:
        assert getattr(zeptobarn, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'load_stud'"):
        zeptobarn.load_stud  # noqa: B018


def test_an_import_loads_neither_numba_nor_matplotlib():
    code = "import sys, zeptobarn; print({'numba', 'matplotlib', 'pandas'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.slow
def test_type_checkers_know_the_public_names(tmp_path):
    code = "import zeptobarn as zb\nreveal_type(zb.load_model(zb.load_study(), 'lz', 50).limit)\n"
    file = tmp_path / "notebook.py"
    file.write_text(code)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file=", "--ignore-missing-imports", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "-> zeptobarn.inference.answers.Limit" in done.stdout, done.stdout
