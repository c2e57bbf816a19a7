import pytest

from zeptobarn.cli import main
from zeptobarn.summary import summarise
from zeptobarn.tables import write_parquet


@pytest.fixture
def results(tmp_path):
    from test_summary import limits

    table = limits([1e-45, 3e-45, 5e-45])
    units = dict.fromkeys(table.columns, "")
    write_parquet(table, tmp_path / "limits/a.parquet", units=units, config_slice=None)
    summary = summarise(table)
    write_parquet(
        summary,
        tmp_path / "summary/limits.parquet",
        units=dict.fromkeys(summary.columns, ""),
        config_slice=None,
        extra={"limit_files": ["limits/a.parquet"]},
    )
    return tmp_path


def test_table(results, capsys):
    assert main(["table", "--results", str(results)]) == 0
    assert "3.000e-45" in capsys.readouterr().out


def test_first_trials(results, capsys):
    assert main(["table", "--results", str(results), "--trials", "2"]) == 0
    shown = capsys.readouterr().out
    assert "3.00e-45" in shown
    assert "5.00e-45" not in shown


def test_without_results(tmp_path, capsys):
    assert main(["table", "--results", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert "summary/limits.parquet: no such file; run `snakemake" in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize("arguments", [[], ["tabel"], ["table", "--trials", "0"]])
def test_wrong_arguments(arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
