import errno
import fcntl
import subprocess
import sys

import pytest

from zeptobarn.support import locks
from zeptobarn.support.locks import hold_job, hold_run
from zeptobarn.support.tables import ResultError

JOB = """
import sys, time
from pathlib import Path
from zeptobarn.support.locks import hold_job
lock = hold_job(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(float(sys.argv[2]))
print("ended", flush=True)
"""


def test_one_run_at_a_time(tmp_path):
    first = hold_run(tmp_path / "results")
    with pytest.raises(ResultError, match=r"results: another run works there \(process \d+ on "):
        hold_run(tmp_path / "results")
    hold_run(tmp_path / "other").close()
    first.close()
    hold_run(tmp_path / "results").close()


def test_jobs_work_beside_each_other_and_beside_their_run(tmp_path):
    with hold_run(tmp_path), hold_job(tmp_path), hold_job(tmp_path):
        pass


def test_a_run_waits_for_jobs_of_a_killed_one(tmp_path, capfd):
    command = [sys.executable, "-c", JOB, str(tmp_path), "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as job:
        assert job.stdout.readline() == "held\n"
        with hold_run(tmp_path):
            assert job.stdout.readline() == "ended\n"
    assert f"{tmp_path}: waiting for jobs of a run that was killed" in capfd.readouterr().err


def test_what_a_killed_run_leaves_behind_is_removed(tmp_path):
    results, snakemake = tmp_path / "results", tmp_path / ".snakemake"
    (snakemake / "locks").mkdir(parents=True)
    for name, line in {
        "0.input.lock": "config/a.csv\nRESULTS/spectra/a.parquet",
        "0.output.lock": "RESULTS/toys/1-10.parquet",
        "1.output.lock": "RESULTS2/toys/1-10.parquet",
    }.items():
        (snakemake / "locks" / name).write_text(line.replace("RESULTS", str(results)) + "\n")
    (results / "toys").mkdir(parents=True)
    for name in (".1-10.parquet.ab_12xyz", "1-10.parquet", ".hidden"):
        (results / "toys" / name).write_text("")
    hold_run(results, snakemake).close()
    assert [file.name for file in (snakemake / "locks").iterdir()] == ["1.output.lock"]
    assert {file.name for file in (results / "toys").iterdir()} == {"1-10.parquet", ".hidden"}


def test_a_file_system_without_locks(tmp_path, monkeypatch, capsys):
    def flock(file, how):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    hold_run(tmp_path).close()
    assert "this file system has no locks: see to it that no other run" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "results").write_text("a file")
    with pytest.raises(ResultError, match=r"logs/run.lock: not written: Not a directory"):
        hold_run(tmp_path / "results")


@pytest.mark.parametrize("option", ["--lint", "--unlock", "--summary", "-S", "--report"])
def test_who_only_looks(option):
    assert locks.only_looks(["snakemake", option])
    assert not locks.only_looks(["snakemake", "--cores", "2", "--config", "seed=1"])
