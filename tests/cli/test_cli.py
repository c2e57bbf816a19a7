import os
import subprocess
import sys

import pytest

from trials import limits
from zeptobarn import __version__
from zeptobarn.cli.cli import main
from zeptobarn.inference.load import build_templates
from zeptobarn.study.labels import table_words
from zeptobarn.study.loading import load_study
from zeptobarn.summary.summary import summarise
from zeptobarn.support import paths
from zeptobarn.support.tables import read_parquet, write_parquet
from zeptobarn.templates.templates import write_template


@pytest.fixture
def results(tmp_path):
    table = limits([1e-45, 3e-45, 5e-45])
    units = dict.fromkeys(table.columns, "")
    write_parquet(table, tmp_path / "limits/1-3.parquet", units=units, config_slice=None)
    summary = summarise(table)
    write_parquet(
        summary,
        tmp_path / "summary/limits.parquet",
        units=dict.fromkeys(summary.columns, ""),
        config_slice=None,
        extra={
            "limit_files": ["limits/1-3.parquet"],
            "words": table_words(load_study("config/config.yaml")),
        },
    )
    return tmp_path


def test_table(results, capsys):
    assert main(["table", "--results", str(results)]) == 0
    assert "3.00e-45" in capsys.readouterr().out


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_table_in_a_terminal_that_lacks_letters(results, encoding):
    """Such as ² and q̃, which had ended the command."""
    for more in ((), ("--trials", "2")):
        done = subprocess.run(
            [sys.executable, "-m", "zeptobarn.cli.cli", "table", "--results", str(results), *more],
            env={**os.environ, "PYTHONIOENCODING": encoding},
            capture_output=True,
            check=True,
        )
        assert b"e-45" in done.stdout
        assert b"?" in done.stdout
        assert not done.stderr


def test_first_trials(results, capsys):
    assert main(["table", "--results", str(results), "--trials", "2"]) == 0
    shown = capsys.readouterr().out
    assert "3.00e-45" in shown
    assert "5.00e-45" not in shown


def test_first_trials_of_a_part(results, capsys):
    """They are counted from the first that there is; of later batches no file is looked at."""
    table = limits([1e-45, 3e-45, 5e-45])
    table["trial"] += 500
    units, file = dict.fromkeys(table.columns, ""), results / "summary/limits.parquet"
    write_parquet(table, results / "limits/501-503.parquet", units=units, config_slice=None)
    summary, metadata = read_parquet(file)
    files = ["limits/501-503.parquet", "limits/504-506.parquet"]
    extra = {"limit_files": files, "words": metadata["words"]}
    write_parquet(summary, file, units=metadata["units"], config_slice=None, extra=extra)
    assert main(["table", "--results", str(results), "--trials", "2"]) == 0
    shown = capsys.readouterr().out
    assert "3.00e-45" in shown
    assert "5.00e-45" not in shown
    assert main(["table", "--results", str(results), "--trials", "4"]) == 1
    assert "504-506.parquet: no such file" in capsys.readouterr().err


def test_without_results(tmp_path, capsys):
    assert main(["table", "--results", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert "summary/limits.parquet: no such file; run `snakemake" in error
    assert len(error.splitlines()) == 1


def test_lint(tmp_path, capsys):
    """A study of which too few recoils were simulated."""
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(
        f"results: {tmp_path}\ndetectors: [xenon1t]\nmasses_GeV: [10]\n"
        "shapes: [{name: leff, anchors: [-2, 0, 2]}]\n"
        "response: {method: simulation, events_per_energy_bin: 5, energy_bin_width_log: 0.2}\n"
    )
    arguments = ["lint", "--overlay", str(overlay)]
    assert main(arguments) == 1
    printed = capsys.readouterr()
    assert "wimp_SI_10GeV.parquet: no such file; run `snakemake" in printed.err
    # 39.85² π × 70 cm³ × 2.9 g/cm³.
    assert printed.out == (
        "xenon1t: fiducial_mass_kg 1042; the fiducial cylinder, π r² h ρ, holds 1013 kg (-2.8 %)\n"
    )
    study = load_study("config/config.yaml", overlay)
    sources = ["wimp_SI_10GeV", *(s.name for s in study.detectors["xenon1t"].sources)]
    for name, template in build_templates(study, "xenon1t", sources).items():
        path = study.path(paths.TEMPLATE, detector="xenon1t", source=name)
        write_template(study, "xenon1t", name, template, path)
    assert main(arguments) == 0
    mass, *lines = capsys.readouterr().out.splitlines()
    assert mass.startswith("xenon1t: fiducial_mass_kg")
    assert any(line.startswith("xenon1t wimp_SI_10GeV leff_-2: ") for line in lines)
    assert all("empty bins, where" in line and "cS2" in line for line in lines)
    # Templates from formulas are exact.
    assert not any("wall" in line or "anomalous" in line for line in lines)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "say why a trial has its limit"),  # the help
        (["tabel"], "choose from"),
        (["table", "--trials", "0"], "--trials: found 0; allowed: whole numbers from 1"),
        (["table", "--trials", "x"], "--trials: found x; allowed: whole numbers from 1"),
    ],
)
def test_wrong_arguments(arguments, message, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_a_folder_is_no_study(capsys):
    assert main(["lint", "--config", "config"]) == 1
    assert "zeptobarn: config: not readable: Is a directory" in capsys.readouterr().err


def test_version(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"zeptobarn {__version__}\n"


def test_the_cache_is_named_and_removed(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    folder = tmp_path / "zeptobarn"
    assert main(["cache"]) == 0
    assert capsys.readouterr().out == f"{folder}: 0 files, 0.0 MB\n"
    (folder / "template").mkdir(parents=True)
    (folder / "template/a.parquet").write_bytes(bytes(1_500_000))
    (tmp_path / "of_others").touch()
    assert main(["cache", "--clear"]) == 0
    assert capsys.readouterr().out == f"{folder}: 1 files, 1.5 MB\nremoved\n"
    assert not folder.exists()
    assert (tmp_path / "of_others").exists()
    assert main(["cache", "--clear"]) == 0


def test_a_study_is_the_default_one_where_there_is_none(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["lint"]) == 1
    said = capsys.readouterr()
    assert "lz: fiducial_mass_kg 5600" in said.out
    assert "results/templates/xenon1t" in said.err
