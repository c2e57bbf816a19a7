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
    assert [p.name for p in (workflow.folder / "results").rglob("*") if p.is_file()] == [
        "limits.csv"
    ]
    text = done.stdout + done.stderr
    assert "Traceback" not in text
    return text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trails": 5}, r"unknown key 'trails'; allowed: "),
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
        ("rate_per_kg_day_keV", "rate", "cevns_8b.csv: found columns recoil_energy_keV, rate;"),
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
    workflow.edit(file, "SI,6,1.537e-43", "SI,6,6,1.537e-43")
    published = {"xenon1t": ["xenon1t_2017"]}
    expected = f"{file}: row 2: found 9 values; allowed: 8"
    assert expected in message_of(workflow, published=published)


def test_yaml_syntax_of_the_study(workflow):
    (workflow.folder / "config/config.yaml").write_text("results: results\nseed: [1\ntrials: 5\n")
    text = message_of(workflow)
    assert "config/config.yaml" in text
    assert "line 3" in text
