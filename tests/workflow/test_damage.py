"""Results that were damaged between two runs, and files that were edited during one."""

import dataclasses
import runpy
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from zeptobarn.physics.detector import Detector
from zeptobarn.study import loading
from zeptobarn.study.loading import load_study
from zeptobarn.study.slices.limits import calibration_slice, limits_slice
from zeptobarn.study.slices.response import response_slice
from zeptobarn.study.slices.spectrum import spectrum_slice
from zeptobarn.study.slices.summary import sensitivity_slice
from zeptobarn.study.slices.template import template_slice
from zeptobarn.support import joblog
from zeptobarn.support.config import ConfigError

SCRIPTS = Path(__file__).parents[2] / "workflow/scripts"
PLACE = {"target": "lz", "detector": "lz", "interaction": "SI", "signal": "SI/50GeV"}


@pytest.mark.slow
@pytest.mark.xdist_group("finished")
def test_damaged_results_are_made_again(finished, tmp_path):
    """A spectrum cut short, rows of a template reversed, half of some limits, and one deleted.

    Of exports, a CSV and a figure cut short, and a CSV deleted, whose spectrum is in order.
    """
    workflow = finished[0].copy_to(tmp_path)
    results = workflow.folder / "results"
    kinds = ("*.parquet", "*.csv", "*.png", "*.pdf", "*.html")
    whole = {file: file.read_bytes() for kind in kinds for file in results.rglob(kind)}
    spectrum = results / "spectra/er_xenon1t_sr0.parquet"
    spectrum.write_bytes(whole[spectrum][: len(whole[spectrum]) * 7 // 10])
    changed = {
        results / "templates/xenon1t/wimp_SI_50GeV.parquet": lambda table: table[::-1],
        results / "limits/xenon1t/SI/10GeV/1-20.parquet": lambda table: table[: len(table) // 2],
    }
    for file, change in changed.items():
        table = pq.read_table(file)
        other = pa.Table.from_pandas(change(table.to_pandas()), preserve_index=False)
        pq.write_table(other.replace_schema_metadata(table.schema.metadata), file)
    (results / "response/xenon1t/er/nominal.parquet").unlink()
    for name in ("summary/limits.csv", "figures/yields_xenon1t.png"):
        (results / name).write_bytes(whole[results / name][:100])
    (results / "spectra/wimp_SI_10GeV.csv").unlink()
    said = workflow.run("--dry-run").stderr
    assert said.count("a run would make it again") == 6
    assert list(results.rglob("*.damaged")) == []
    ended = workflow.run()
    said = ended.stderr
    assert ended.returncode == 0, said[-3000:]
    assert said.count("renamed, and made again") == 4
    assert said.count("written again from ") == 2
    for file in (spectrum, *changed):
        assert f"{file.relative_to(workflow.folder)}: damaged" in said
        assert file.with_name(f"{file.name}.damaged").exists()
    again = {file: file.read_bytes() for kind in kinds for file in results.rglob(kind)}
    assert again == whole


def brighter(study):
    """The study with another g1 in both detectors, and so with other responses."""

    def change(detector: Detector) -> Detector:
        apparatus = dataclasses.replace(detector.apparatus, g1=detector.apparatus.g1 * 1.01)
        return dataclasses.replace(detector, apparatus=apparatus, livetime_day=999)

    detectors = {name: change(detector) for name, detector in study.detectors.items()}
    return dataclasses.replace(study, detectors=detectors, halo="xenon2017")


@pytest.mark.parametrize(
    ("script", "wildcards", "planned"),
    [
        ("spectrum", {"spectrum": "wimp_SI_50GeV"}, lambda s: spectrum_slice(s, "wimp_SI_50GeV")),
        (
            "response",
            {"recoil": "nr", "anchor": "leff_0"},
            lambda s: response_slice(s, "lz", "nr", "leff_0"),
        ),
        ("template", {"source": "neutrons"}, lambda s: template_slice(s, "lz", "neutrons")),
        ("calibration", {}, lambda s: calibration_slice(s, "lz", "SI", 50)),
        ("limits", {"batch": "1-500"}, lambda s: limits_slice(s, "lz", "SI", 50)),
        ("sensitivity", {}, lambda s: sensitivity_slice(s, "lz")),
    ],
)
def test_a_job_that_finds_another_configuration_stops(monkeypatch, script, wildcards, planned):
    """A detector file, say, was edited after the workflow had begun."""
    study = load_study()
    monkeypatch.setattr(joblog, "keep_log", lambda _: None)
    monkeypatch.setattr(loading, "study_from_settings", lambda _: brighter(study))
    job = SimpleNamespace(
        log=[""],
        rule=script,
        config={},
        threads=1,
        wildcards=SimpleNamespace(**PLACE | wildcards),
        params=SimpleNamespace(config=planned(study)),
        input=SimpleNamespace(),
        output=SimpleNamespace(),
    )
    with pytest.raises(ConfigError, match="configuration changed while the study ran"):
        runpy.run_path(str(SCRIPTS / f"{script}.py"), {"snakemake": job})
