"""Every mistake gives one message: file, key, what was found, what is allowed."""

import copy
from pathlib import Path

import pandas as pd
import pytest
import yaml

from zeptobarn.physics.detector import load_detector
from zeptobarn.study.loading import load_study, study_from_settings
from zeptobarn.study.slices.template import template_slice
from zeptobarn.support.config import PATTERNS, ConfigError, read_yaml

CONFIG = read_yaml(Path(__file__).parents[2] / "config/config.yaml")
XENON1T = read_yaml(Path(__file__).parents[2] / "config/detectors/xenon1t.yaml")
SCHEMA = Path(__file__).parents[2] / "config/schemas/detector.schema.yaml"


def changed(base, key, value):
    settings = copy.deepcopy(base)
    *parents, last = key
    place = settings
    for parent in parents:
        place = place[parent]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return settings


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (
            ["trails"],
            5,
            r"top level: unknown key 'trails' \(is trials meant\?\); allowed: .*trials",
        ),
        (
            ["shapes", 0, "parameter"],
            "detection",
            r"shapes\[0\]\.parameter: found 'detection'; allowed: leff, .*efficiency_NAME, ch",
        ),
        (["trials"], None, r"missing key 'trials'"),
        (["trials"], 0, r"trials: found 0; allowed: ≥ 1"),
        (["trials"], 2.5, r"trials: found 2.5; allowed: integer"),
        (["first_trial"], 0, r"first_trial: found 0; allowed: ≥ 1"),
        (
            ["first_trial"],
            701,
            r"first_trial: found 701; allowed: 1, or 1 more than a multiple of trials_per_batch",
        ),
        (["halo"], "nfw", r"halo: found 'nfw'; allowed: baxter2021, xenon2017"),
        (["reference_cross_section_cm2"], "1e-45", r"found the text '1e-45'.*1\.0e-45"),
        (["confidence_level"], 1.0, r"confidence_level: found 1.0; allowed: ≤ 0.999999"),
        (["search_bound_rate_multiplier"], 1e-300, r"found 1e-300; allowed: ≥ 1e-12"),
        (
            ["detectors"],
            ["darwin"],
            r"found darwin, but there is no file config/detectors/darwin\.yaml; shipped are: lz",
        ),
        (["interactions"], ["SD"], r"interactions\[0\]: found 'SD'; allowed: SI, SD_n_central"),
        (["masses_GeV"], [50, 0.5], r"masses_GeV\[1\]: found 0.5; .*the rate of SI is zero"),
        (["interactions"], ["SI_migdal"], r"found 7; allowed with SI_migdal: ≤ 5 \(heavier"),
        (
            ["shapes", 0],
            {"name": "leff", "parameter": "lindhard_k", "relative_width": 0.1, "anchors": [-1, 0]},
            r"lindhard_k changes the yields lenardo2015, but lz has yields\.nr = nest; leave lz",
        ),
        (["response", "events_per_energy_bin"], 1, r"per_energy_bin: found 1; allowed: ≥ 2"),
        (["density"], "smooth", r"density: found 'smooth'; allowed: histogram, kde"),
        (["intervals", 0, "fixed"], {"leff": 4}, r"leff_nominal fixes leff: found 4; allowed: -3"),
        (["intervals", 0, "fixed"], {}, r"leff_nominal treats \[\]; allowed: each of \['leff'\]"),
        (["intervals", 1, "name"], "profiled", r"allowed: each name once"),
        (["shapes", 0, "anchors"], [0, -1], r"anchors of leff: found \[0, -1\]; allowed: incr"),
        (["shapes", 0, "relative_width"], 0.1, r"shapes: leff: leff needs no relative_width"),
        (["shapes", 0, "parameter"], "g1", r"shapes: leff: g1 needs a relative_width"),
        (["shapes", 0, "detectors"], ["darwin"], r"detectors: found darwin; allowed: \['xenon1t'"),
        (
            ["shapes", 0],
            {"name": "leff", "parameter": "g1", "relative_width": 0.6, "anchors": [-2, 0, 2]},
            r"found anchor -2 and relative_width 0\.6: g1 would not be positive",
        ),
        (
            ["shapes", 0],
            {
                "name": "leff",
                "parameter": "extraction_efficiency",
                "relative_width": 0.1,
                "anchors": [-2, 0, 2],
            },
            r"extraction_efficiency of xenon1t would be 1\.2; allowed: ≤ 1",
        ),
        (
            ["shapes"],
            [{"name": n, "parameter": "leff", "anchors": [*range(-6, 7)]} for n in "abc"],
            r"found 2197 anchors of all shapes together; allowed: 250",
        ),
        (["combined"], {"lz": ["xenon1t", "lz"]}, r"combined: found lz, which is a detector"),
        (["combined"], {"two": ["xenon1t", "darwin"]}, r"two: found darwin; allowed: \['xen"),
        (["critical_values"], "guessed", r"found 'guessed'; allowed: asymptotic, toys"),
        (["calibration", "expected_events"], [0, 3, 2], r"found \[0, 3, 2\]; allowed: increasing"),
        (["calibration", "expected_events"], [0.3, 2], r"calibration\.expected_events\[0\]"),
        (["intervals", 0, "kind"], "lower", r"found 'lower'; allowed: upper, unified, central"),
        (
            ["intervals", 0],
            {"name": "a", "fixed": {"leff": 0}, "kind": "unified", "cls": True},
            r"a: found cls with kind unified; allowed: with kind upper",
        ),
    ],
)
def test_study_mistakes(key, value, message):
    with pytest.raises(ConfigError, match=message):
        study_from_settings(changed(CONFIG, key, value))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (["electron_lifetime_us"], -5, r"electron_lifetime_us: found -5; allowed: > 0 \(Electr"),
        (
            ["electron_lifetime"],
            5,
            r"'electron_lifetime' \(is electron_lifetime_us meant\?\); allowed: a",
        ),
        (["g1"], 1.2, r"g1: found 1.2; allowed: ≤ 1"),
        (["sources", 0, "rate"], "loose", r"sources\[0\]\.rate: "),
        (["sources", 0, "rate"], {"constraint": "normal"}, r"sources\[0\]\.rate: "),
        (["drift_field_V_per_cm"], 0.117, r"drift_field.*found 0.117; allowed: ≥ 5 .*not kV"),
        (["fiducial_z_cm"], [-13.0, -83.0], r"fiducial_z_cm: .*the bottom below the top"),
        (["fiducial_mass_kg"], 5600, r"fiducial_mass_kg: found 5600; .*about 1013 kg"),
        (["apply_bias"], "yes", r"apply_bias: found 'yes'; allowed: boolean"),
        (["sources", 1, "name"], "er", r"name 'er' is used twice"),
        (["sources", 0, "recoil"], "gamma", r"sources\[0\]\.recoil: found 'gamma'; allowed: nr"),
        (["sources", 0, "spectrum", "rate"], 1, r"sources\[0\]\.spectrum: unknown key 'rate'"),
        (["sources", 0, "spectrum", "range_keV"], [15, 0], r"found \[15, 0\]; allowed: low"),
        (["sources", 1, "spectrum", "range_keV"], [0, 100], r"found \[0, 100\]; allowed: above 0"),
        (
            ["sources", 1, "spectrum", "normalisation"],
            {"recoils": 1, "range_keV": [30, 6], "exposure_kg_day": 1},
            r"normalisation\.range_keV: found \[30, 6\]; allowed: low < high, inside \[1, 100\]",
        ),
        (["livetime_day"], float("inf"), r"livetime_day: found inf; allowed: finite numbers"),
        (["response_max_keV", "nr"], 0.5, r"response_max_keV\.nr: found 0.5; allowed: > resp"),
        (["analysis_space", "cs1", "low"], 90, r"analysis_space\.cs1: found low 90"),
        (
            ["s1_relative_light_yield", "coefficients"],
            [[-1.0]],
            r"s1_relative_light_yield: found -1 to -1",
        ),
        (["sources", 0, "rate_multiplier"], -1, r"rate_multiplier: found -1; allowed: ≥ 0"),
        (["sources", -1, "formula", "cs1", "kind"], None, r"cs1: missing key 'kind'"),
        (["single_pe_width"], 0, r"single_pe_width: found 0; allowed: ≥ 0\.05"),
        (["response_max_keV", "er"], 400, r"response_max_keV\.er: found 400; allowed: ≤ 300"),
        (["s1_relative_light_yield"], {"map": "none.csv"}, r"light_yield: no file none\.csv"),
        (
            ["s1_relative_light_yield"],
            {"map": "docs"},
            r"light_yield: no file docs: found the folder .*docs; needed: a file",
        ),
        (["sources", 0, "spectrum"], None, r"sources\[0\]: missing key 'spectrum'"),
        (
            ["sources", -1, "n_events"],
            7,
            r"n_events beside formula; allowed: a formula, a template",
        ),
        (["sources", -1, "formula", "cs1", "kind"], "cubic", r"cs1\.kind: found 'cubic'; allowed"),
        (["sources", -1, "formula", "cs1", "slope"], 1, r"cs1: unknown key 'slope'; allowed: high"),
        (["sources", -2, "formula", "cs1", "points"], [[3, 1], [2, 1]], r"areas must increase"),
    ],
)
def test_detector_mistakes(tmp_path, key, value, message):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(changed(XENON1T, key, value)))
    with pytest.raises(ConfigError, match=message) as caught:
        load_detector(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("radius_cm,z_cm\n0,0\n", r"found columns 'radius_cm', 'z_cm'; needed: .*relative_yield"),
        ("{c}\n0,-90,1\n0,0,1\n50,-90,1\n", r"found 3 points of 2 radii × 2 z; allowed: every"),
        ("{c}\n0,-90,1\n0,-90,1\n", r"row 3: found radius_cm=0.0, z_cm=-90.0, .*each point once"),
        ("{c}\n0,-90,x\n0,0,1\n", r"row 2: found .*relative_yield=x; allowed: finite"),
        ("{c}\n0,-90,1,2\n0,0,1,2\n", r"row 2: found 4 values; allowed: 3"),
        (
            "{c}\n0,-90,1\n0,-20,1\n50,-90,1\n50,-20,1\n",
            r"z_cm reaches from -90 to -20; needed: the fiducial volume, -83.45 to -13.45 \(not",
        ),
        (
            "{c}\n0,-90,1\n0.1,-90,1\n50,-90,1\n0,0,1\n0.1,0,11\n50,0,1\n",
            r"found 1 to .* in the fiducial volume; allowed: > 0 and ≤ 1/g1 = 7\.9",
        ),
    ],
)
def test_light_yield_maps(tmp_path, text, message):
    """What is wrong with a map is said with its file; a right one is read from CSV or Parquet."""
    file = tmp_path / "map.csv"
    file.write_text(text.format(c="radius_cm,z_cm,relative_yield"))
    path = tmp_path / "mine.yaml"
    settings = changed(XENON1T, ["s1_relative_light_yield"], {"map": str(file)})
    path.write_text(yaml.safe_dump(settings))
    with pytest.raises(ConfigError, match=message) as caught:
        load_detector(path)
    assert "map.csv" in str(caught.value)
    whole = pd.DataFrame(
        [(r, z, 1 + r / 100) for r in (0, 50) for z in (-90, 0)],
        columns=["radius_cm", "z_cm", "relative_yield"],
    )
    whole.to_csv(file, index=False)
    from_csv = load_detector(path).apparatus.s1_relative_light_yield
    whole.to_parquet(tmp_path / "map.parquet")
    settings["s1_relative_light_yield"] = {"map": str(tmp_path / "map.parquet")}
    path.write_text(yaml.safe_dump(settings))
    from_parquet = load_detector(path).apparatus.s1_relative_light_yield
    assert from_csv.relative_yield == from_parquet.relative_yield == ((1, 1), (1.5, 1.5))


def test_yaml_syntax_error_names_the_line(tmp_path):
    path = tmp_path / "broken.yaml"
    path.write_text("title: x\ncolour: [1, 2\nlivetime_day: 3\n")
    with pytest.raises(ConfigError, match=r"broken\.yaml, line 3, column 13: not valid YAML"):
        read_yaml(path)


def test_two_spectra_of_one_name(tmp_path):
    for folder in ("schemas", "detectors"):
        (tmp_path / folder).symlink_to(SCHEMA.parent.parent / folder)
    (tmp_path / "detectors").unlink()
    (tmp_path / "detectors").mkdir()
    for name, rate in (("a", 1.0e-4), ("b", 2.0e-4)):
        settings = changed(XENON1T, ["sources", 0, "spectrum", "rate_per_kg_day_keV"], rate)
        (tmp_path / "detectors" / f"{name}.yaml").write_text(yaml.safe_dump(settings))
    with pytest.raises(ConfigError, match="two different spectra are named 'er_xenon1t_sr0'"):
        study_from_settings(CONFIG | {"detectors": ["a", "b"]}, tmp_path)


def test_overlay_replaces_lists_and_merges_mappings(tmp_path):
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text("masses_GeV: [30]\nresponse: {events_per_energy_bin: 7}\n")
    study = load_study("config/config.yaml", overlay)
    assert study.masses_GeV == (30,)
    assert study.events_per_energy_bin == 7
    assert study.energy_bin_width_log == CONFIG["response"]["energy_bin_width_log"]


@pytest.mark.parametrize(
    ("overlay", "message"),
    [
        ("trials: 5\nseed: 1.0\n", r"overlay\.yaml, line 2: seed: found 1\.0; allowed: integer"),
        ("trials: 1.0e+3\n", r"overlay\.yaml, line 1: trials: found 1000\.0; allowed: integer"),
        ("trials: '5'\n", r"found the text '5': a number has no quotes and no leading 0"),
        ("seed: 3\n\ntrails: 5\n", r"overlay\.yaml, line 3: top level: unknown key 'trails'"),
        ("calibration:\n  toys: 2\n", r"overlay\.yaml, line 2: calibration\.toys: found 2; allo"),
        ("trials: 5\ntrials: 6\n", r"overlay\.yaml, line 2: found the key 'trials' again"),
        ("seed: 1000000000000000000000\n", r"seed: found 10+; allowed: ≤ 9223372036854775807"),
        ("trials: 1000000000000\n", r"trials: found 1000000000000; allowed: ≤ 10000000"),
        ("masses_GeV: [" + "5, " * 1001 + "]\n", r"masses_GeV: found 1001 values; allowed: ≤ 1000"),
        ("calibration: {toys: 10000000}\n", r"toys: found 10000000; allowed: ≤ 1000000"),
        ("- 5\n", r"overlay\.yaml: found no keys with values"),
        ("", r"overlay\.yaml: found no keys with values"),
        ("masses_GeV: [20, 50]\ncoverage: {masses_GeV: [50, 33]}\n", r"found 33, which the study"),
        ("coverage: {masses_GeV: [50, 50]}\n", r"found \[50, 50\]; allowed: each once"),
        ("published: {darwin: [a]}\n", r"overlay\.yaml: published: found 'darwin', which the st"),
        ("detectors: [lz]\npublished: {xenon1t: [a]}\n", r"found 'xenon1t', which .*: lz"),
        ("published: {lz: [../a]}\n", r"published\.lz\[0\]: found '\.\./a'; allowed: letters"),
        ("detectors: [" + "x" * 300 + "]\n", r"detectors\[0\]: found 300 letters; allowed: ≤ 60"),
    ],
)
def test_mistakes_in_an_overlay(tmp_path, overlay, message):
    """The message names the overlay, and the line of what is in it."""
    file = tmp_path / "overlay.yaml"
    file.write_text(overlay)
    with pytest.raises(ConfigError, match=message) as caught:
        load_study("config/config.yaml", file)
    assert len(str(caught.value)) <= 1000


def test_an_overlay_selects_from_what_is_asked_of_more():
    """Only a file's own wish for what the study does not have is a mistake."""
    study = load_study("config/config.yaml", "config/light.yaml")
    assert study.coverage.masses_GeV == (10, 50, 1000)
    assert not set(study.coverage.masses_GeV) & set(study.masses_GeV)


def test_detectors_of_the_working_directory_go_first(tmp_path, monkeypatch):
    """As the workflow has it: a folder with detector files alone, and an overlay that names one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config/detectors").mkdir(parents=True)
    (tmp_path / "config/detectors/mine.yaml").write_text("base: lz\ntitle: mine")
    (tmp_path / "overlay.yaml").write_text("detectors: [mine]")
    assert load_study(overlay="overlay.yaml").detectors["mine"].title == "mine"
    (tmp_path / "overlay.yaml").write_text("detectors: [mine]\nobserved: {mine: {file: no.csv}}")
    with pytest.raises(
        ConfigError, match=r"no file no\.csv; looked for below: ([^,]+, )*[^,]+$"
    ) as e:
        load_study(overlay="overlay.yaml")
    looked = str(e.value).split("below: ")[1].split(", ")
    assert len(looked) == len(set(looked))


def test_many_mistakes_are_counted():
    settings = CONFIG | {"masses_GeV": [-1 - i for i in range(500)]}
    with pytest.raises(ConfigError, match=r"masses_GeV\[0\]: found -1;") as caught:
        study_from_settings(settings)
    assert len(str(caught.value)) <= 1000
    assert "more mistakes" in str(caught.value).splitlines()[-1]


def test_numbers_beyond_all_bounds():
    """Python itself refuses to print the second."""
    for n in (400, 5000):
        with pytest.raises(ConfigError, match=r"trials: found a number of \d+ bits; allowed: fin"):
            study_from_settings(CONFIG | {"trials": 10**n})


def test_a_folder_in_place_of_a_file(tmp_path):
    with pytest.raises(ConfigError, match="not readable: Is a directory"):
        load_study(tmp_path)
    folder = tmp_path / "config/detectors/lz.yaml"
    folder.mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"lz\.yaml: not readable: Is a directory"):
        study_from_settings(CONFIG, tmp_path / "config")


def test_every_key_is_described():
    """A schema's leaf has a description, its own or the one of what it refers to."""

    def undescribed(schema, where):
        if "$ref" in schema or ("enum" in schema and "description" in schema):
            schema = {"description": "by reference", **schema}
        if where and "description" not in schema:
            yield where
        for name, child in schema.get("properties", {}).items():
            if child:
                yield from undescribed(child, f"{where}.{name}")
        if isinstance(schema.get("items"), dict):
            for name, child in schema["items"].get("properties", {}).items():
                yield from undescribed(child, f"{where}[].{name}")

    for name in ("config", "detector"):
        schema = read_yaml(SCHEMA.parent / f"{name}.schema.yaml")
        assert list(undescribed(schema, "")) == []


def test_recoils_of_conventional_sampling_may_be_left_out(tmp_path):
    """Nothing of a study depends on them."""
    settings = copy.deepcopy(XENON1T)
    settings["signal"] = {"label": "WIMP"}
    for source in settings["sources"]:
        source.pop("n_events", None)
    path = tmp_path / "xenon1t.yaml"
    path.write_text(yaml.safe_dump(settings))
    detector = load_detector(path)
    assert {detector.signal.n_events, *(s.n_events for s in detector.sources)} == {5_000_000}
    given = load_detector(SCHEMA.parents[1] / "detectors/xenon1t.yaml")
    assert given.source("neutrons").n_events == 55_000_000
    assert detector.apparatus == given.apparatus
    assert detector.signal.colour == given.signal.colour


def test_the_old_name_of_a_detectors_numbers_warns():
    lz = load_detector("lz")
    with pytest.warns(FutureWarning, match=r"use Detector\.apparatus"):
        assert lz.settings["g1"] == lz.apparatus.g1


def test_the_original_study(tmp_path):
    study = load_study("config/config.yaml", "config/original.yaml")
    assert study.masses_GeV == study.marked_masses_GeV
    assert [interval.kind for interval in study.intervals] == ["upper"] * 3
    assert study.truths == {"nominal": {}}
    assert study.critical_values == "asymptotic"


def test_formulas_may_ignore_what_a_detector_sees(tmp_path):
    overlay = tmp_path / "ignore.yaml"
    overlay.write_text("formula_reach: ignore\n")
    plain, changed = (load_study("config/config.yaml", o) for o in (None, overlay))
    for name, detector in changed.detectors.items():
        for source, before in zip(detector.sources, plain.detectors[name].sources, strict=True):
            if source.formula is None:
                assert source == before
            else:
                assert source.formula == {**before.formula, "reach": "ignore"}
                slices = [template_slice(s, name, source.name) for s in (plain, changed)]
                assert slices[0] != slices[1]


def patterns(schema):
    """Every pattern in a schema."""
    parts = schema.values() if isinstance(schema, dict) else schema
    if isinstance(schema, dict) and isinstance(schema.get("pattern"), str):
        yield schema["pattern"]
    for part in parts:
        if isinstance(part, dict | list):
            yield from patterns(part)


def test_no_message_shows_a_regular_expression():
    found = {p for file in SCHEMA.parent.glob("*.yaml") for p in patterns(read_yaml(file))}
    assert found == set(PATTERNS)
    with pytest.raises(ConfigError) as refused:
        study_from_settings(changed(CONFIG, ["intervals", 0, "name"], "Leff-low"))
    message = str(refused.value)
    assert "found 'Leff-low'; allowed: small letters, digits and _, a letter first" in message


def test_a_long_message_and_another_mistake_are_cut():
    shapes = [{"name": "photons", "parameter": True, "anchors": [-1, 0, 1]}]
    for changes, ending in (({}, "…"), ({"trials": 0}, "\n… and 1 more mistake")):
        with pytest.raises(ConfigError) as refused:
            study_from_settings({**CONFIG, "shapes": shapes, **changes})
        assert 900 < len(str(refused.value)) <= 1000
        assert str(refused.value).endswith(ending)
