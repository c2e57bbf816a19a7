"""Wrong input: one clear message, a non-zero exit, and results that stay as they were."""

import pytest

XENON1T = "config/detectors/xenon1t.yaml"


def message_of(workflow, **changes):
    """Run with something wrong; give the message, after checking that nothing was touched."""
    kept = workflow.folder / "results/summary/limits.csv"
    kept.parent.mkdir(parents=True)
    kept.write_text("as it was")
    done = workflow.run(**changes)
    assert done.returncode != 0
    assert kept.read_text() == "as it was"
    files = {p.name for p in (workflow.folder / "results").rglob("*") if p.is_file()}
    assert files - {"run.lock", "jobs.lock"} == {"limits.csv"}
    text = done.stdout + done.stderr
    assert "Traceback" not in text
    return text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trails": 5}, r"unknown key 'trails' (is trials meant?); allowed: "),
        ({"trials": -1}, r"trials: found -1; allowed: ≥ 1"),
        ({"masses_GeV": [50, 0.5]}, r"masses_GeV[1]: found 0.5; its largest recoil energy"),
        (
            {"detectors": ["darwin"]},
            r"no file config/detectors/darwin.yaml; shipped are",
        ),
    ],
)
def test_study(workflow, changes, message):
    text = message_of(workflow, **changes)
    assert text.count(message) == 1
    assert "overlay.yaml" in text or "darwin" in text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("electron_lifetime_us: 452", "electron_lifetime_us: -452", "found -452; allowed: > 0"),
        ("cevns_8b.csv", "cevns_9b.csv", "no file resources/spectra/cevns_9b.csv"),
        ("area_unit: PE", "area_unit: [PE", "line "),
    ],
)
def test_detector(workflow, old, new, message):
    workflow.edit(XENON1T, old, new)
    text = message_of(workflow)
    assert text.count(message) >= 1
    assert XENON1T in text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("rate_per_kg_day_keV", "rate", "cevns_8b.csv: found columns 'recoil_energy_keV', 'rate';"),
        ("0.052009,", "0.04,", "cevns_8b.csv: row 3: recoil_energy_keV does not increase"),
        ("0.0053813", "-0.0053813", "cevns_8b.csv: row 3: rate_per_kg_day_keV is negative"),
    ],
)
def test_spectrum_file(workflow, old, new, message):
    workflow.edit("resources/spectra/cevns_8b.csv", old, new)
    assert message in message_of(workflow)


@pytest.mark.slow
def test_published_file(workflow):
    """XENON1T's own: a third value in a row, and it would be drawn at another place."""
    file = "resources/published/xenon1t_2017.csv"
    workflow.edit(file, "SI,6,1.5371e-43", "SI,6,6,1.5371e-43")
    published = {"xenon1t": ["xenon1t_2017"]}
    expected = f"{file}: row 2: found 13 values (a comma ends the row); allowed: 12"
    assert expected in message_of(workflow, published=published)


@pytest.mark.slow
def test_a_place_where_nothing_can_be_written(workflow):
    """It is said before any job starts."""
    (workflow.folder / "mine").write_text("")
    done = workflow.run(results="mine")
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "results: found mine, a file; allowed: a folder" in said
    assert "jobid" not in said
    assert "Traceback" not in said


def test_yaml_syntax_of_the_study(workflow):
    (workflow.folder / "config/config.yaml").write_text("results: results\nseed: [1\ntrials: 5\n")
    text = message_of(workflow)
    assert "config/config.yaml" in text
    assert "line 3" in text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("trials: 5\ntrials: 6\n", "overlay.yaml, line 2: found the key 'trials' again"),
        ("seed: 010\n", "overlay.yaml, line 1: found 010, which YAML reads in base 8"),
        ("trials: 5\nmasses_GeV: &a [10, *a]\n", "overlay.yaml, line 2: found a value that"),
        ("seed: 1.0\n", "overlay.yaml, line 1: seed: found 1.0; allowed: integer"),
        ("trials: 1000000\ntrials_per_batch: 1\n", "allowed: 100000 in all: more trials_per"),
        ("most_events_per_trial: 50\n", "xenon1t.yaml: source er: found 105 expected recoils"),
    ],
)
def test_overlay(workflow, monkeypatch, text, message):
    """Snakemake would take the last of two equal keys, and 8 for 010."""
    monkeypatch.setattr(
        workflow, "write_overlay", lambda: (workflow.folder / "overlay.yaml").write_text(text)
    )
    assert message_of(workflow).count(message) == 1


@pytest.mark.slow
def test_config_on_the_command_line(workflow):
    """A mistake there is in no file."""
    done = workflow.run("-n", "--config", "seed=1.0")
    text = done.stdout + done.stderr
    assert "--config: seed: found 1.0; allowed: integer" in text
    assert "line 4: seed" not in text


@pytest.mark.slow
def test_a_large_plan_is_named(workflow):
    """In one line, before Snakemake plans it; nothing of the rest is of interest here."""
    done = workflow.run("--list-rules", trials=9000, trials_per_batch=1)
    assert "The study is 36" in done.stderr
