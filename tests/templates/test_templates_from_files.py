"""Expected events of a source as a number, and templates that come from a file, to the limit."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from gridfiles import WRITERS
from zeptobarn.inference.load import make_model
from zeptobarn.physics.histogram_files import read_histogram
from zeptobarn.study.loading import load_study
from zeptobarn.study.slices.template import template_slice
from zeptobarn.support.config import ConfigError
from zeptobarn.templates.building import build
from zeptobarn.templates.sampling import sample
from zeptobarn.templates.spectra import check_rates, source_spectrum, source_tables
from zeptobarn.templates.templates import read_template, write_template
from zeptobarn.templates.toys import throw

ROOT = Path(__file__).parents[2]
SIGNAL = "wimp_SI_50GeV"


def changed(study, source, detector="xenon1t", **keys):
    """The study with keys of a detector's source replaced."""
    old = study.detectors[detector]
    sources = tuple(dataclasses.replace(s, **keys) if s.name == source else s for s in old.sources)
    new = dataclasses.replace(old, sources=sources)
    return dataclasses.replace(study, detectors={**study.detectors, detector: new})


def made(study, source, responses):
    spectra = source_tables(study, "xenon1t", source)
    return build(study, "xenon1t", source, spectra, responses["xenon1t"])


@pytest.mark.parametrize(("source", "events"), [("er", 215.0), ("neutrons", 0.4), ("wall", 7.0)])
def test_expected_events_scale_all_anchors_alike(small_study, small_responses, source, events):
    study = changed(small_study, source, expected_events=events)
    before, after = (made(s, source, small_responses) for s in (small_study, study))
    assert after.nominal.sum() / events == pytest.approx(1, rel=1e-12)
    factor = events / before.nominal.sum()
    np.testing.assert_allclose(after.expected, factor * before.expected, rtol=1e-12)
    np.testing.assert_allclose(after.variance, factor**2 * before.variance, rtol=1e-12)
    if source == "neutrons":
        assert np.ptp(after.expected.sum(axis=1)) > 0.01 * events
    kept = template_slice(study, "xenon1t", source)
    assert kept.pop("expected_events") == events
    assert kept == template_slice(small_study, "xenon1t", source)


def test_expected_events_of_a_conventional_template(small_study):
    study = changed(small_study, "er", expected_events=215.0)
    spectrum = source_spectrum(study, "xenon1t", "er")
    template = sample(study, "xenon1t", "er", spectrum, np.random.default_rng(1), 2000)
    assert template.nominal.sum() == pytest.approx(215, rel=1e-12)


def test_expected_events_where_there_are_none(small_study, small_responses):
    spectrum = dict(small_study.detectors["xenon1t"].source("er").spectrum, name="low")
    spectrum |= {"range_keV": [0.0, 0.1]}
    study = changed(small_study, "er", expected_events=5.0, spectrum=spectrum)
    with pytest.raises(ConfigError, match="source er: found expected_events: 5, but no event"):
        made(study, "er", small_responses)


def test_too_many_expected_events(small_study):
    study = changed(small_study, "er", expected_events=1e7)
    with pytest.raises(ConfigError, match=r"source er: found 1e\+07 expected recoils"):
        check_rates(study)


# Files


@pytest.fixture
def folder(tmp_path):
    """A configuration of one's own: the small study's, of XENON1T."""
    (tmp_path / "config/detectors").mkdir(parents=True)
    shutil.copy(ROOT / "config/config.yaml", tmp_path / "config")
    return tmp_path


def study_of(folder, source, keys):
    """XENON1T with one source that comes from elsewhere."""
    detector = yaml.safe_load((ROOT / "config/detectors/xenon1t.yaml").read_text())
    (number,) = [i for i, s in enumerate(detector["sources"]) if s["name"] == source]
    old = detector["sources"][number]
    kept = ["name", "label", "colour"] + ["rate"] * ("uncertainty" not in keys)
    detector["sources"][number] = {key: old[key] for key in kept} | keys
    (folder / "config/detectors/xenon1t.yaml").write_text(yaml.safe_dump(detector))
    (folder / "mine.yaml").write_text(yaml.safe_dump({"detectors": ["xenon1t"], "published": {}}))
    return load_study(folder / "config/config.yaml", folder / "mine.yaml")


def without_shapes(folder):
    """Make the study of `study_of` read the file's anchors: five of leff."""
    shapes = [{"name": "leff", "anchors": [-2, -1, 0, 1, 2]}]
    settings = yaml.safe_load((folder / "config/config.yaml").read_text()) | {"shapes": shapes}
    settings["intervals"] = [{"name": "profiled", "profiled": ["leff"]}]
    settings["critical_values"] = "asymptotic"
    (folder / "config/config.yaml").write_text(yaml.safe_dump(settings))


@pytest.mark.parametrize("source", ["neutrons", "er", "wall"])
@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_an_exported_template_gives_the_same_limits(
    folder, small_study, small_templates, source, kind
):
    """Read back as a source's file: same template, same datasets, limits within 1e-12."""
    without_shapes(folder)
    templates = small_templates["xenon1t"]
    path = folder / "exported.parquet"
    write_template(small_study, "xenon1t", source, templates[source], path)
    if kind == "csv":
        pd.read_parquet(path).to_csv(folder / "exported.csv", index=False)
    exposure = small_study.detectors["xenon1t"].exposure_kg_day
    keys = {"template": {"path": f"exported.{kind}", "exposure_kg_day": exposure}}
    study = study_of(folder, source, keys)
    check_rates(study)
    again = build(study, "xenon1t", source, {}, {})
    np.testing.assert_allclose(again.expected, templates[source].expected, rtol=1e-15)
    np.testing.assert_allclose(again.variance, templates[source].variance, rtol=1e-15)
    assert again.shape_values == templates[source].shape_values
    kept = folder / "result.parquet"
    write_template(study, "xenon1t", source, again, kept)
    assert read_template(study, "xenon1t", source, kept).shape_values == again.shape_values
    limits = []
    for one, made_of in ((small_study, templates), (study, {**templates, source: again})):
        toys = throw(one, "xenon1t", made_of, range(1, 6))
        model = make_model(one, "xenon1t", 50, "SI", {"xenon1t": made_of})
        limits.append(model.interval_limits(toys, "profiled")["limit_cm2"].to_numpy())
    np.testing.assert_allclose(limits[0], limits[1], rtol=1e-12)
    assert (limits[0] > 0).all()


def regridded(folder, study, templates, source, kind, axes=("cs1_pe", "cs2"), scale=1.0):
    """A source's exported template as histograms with names, one for each anchor."""
    path = folder / "exported.parquet"
    write_template(study, "xenon1t", source, templates[source], path)
    found = read_histogram(path)
    names = [f"{source}_{values[0]:g}" if found.shapes else source for values in found.anchors]
    WRITERS[kind](
        folder / f"mine.{kind}",
        {name: scale * one for name, one in zip(names, found.expected, strict=True)},
        (found.cs1_edges, found.cs2_edges),
        axes,
        dict(zip(names, found.variance, strict=True)),
    )
    name = f"{source}_{{leff}}" if found.shapes else source
    exposure = study.detectors["xenon1t"].exposure_kg_day
    return {"path": f"mine.{kind}", "histogram": name, "exposure_kg_day": exposure}


@pytest.mark.parametrize("source", ["neutrons", "wall"])
@pytest.mark.parametrize("kind", list(WRITERS))
def test_an_export_as_hdf5_and_root_gives_the_same_limits(
    folder, small_study, small_templates, source, kind
):
    """To the last bit: both hold the contents, variances and edges in double precision."""
    without_shapes(folder)
    templates = small_templates["xenon1t"]
    keys = {"template": regridded(folder, small_study, templates, source, kind)}
    study = study_of(folder, source, keys)
    check_rates(study)
    again = build(study, "xenon1t", source, {}, {})
    np.testing.assert_array_equal(again.expected, templates[source].expected)
    np.testing.assert_array_equal(again.variance, templates[source].variance)
    assert again.shape_values == templates[source].shape_values
    limits = []
    for one, made_of in ((small_study, templates), (study, {**templates, source: again})):
        toys = throw(one, "xenon1t", made_of, range(1, 6))
        model = make_model(one, "xenon1t", 50, "SI", {"xenon1t": made_of})
        limits.append(model.interval_limits(toys, "profiled")["limit_cm2"].to_numpy())
    np.testing.assert_array_equal(limits[0], limits[1])
    assert (limits[0] > 0).all()


def test_what_a_template_with_a_name_depends_on(folder, small_study, small_templates):
    """The file, and which of its histograms."""
    without_shapes(folder)
    templates = small_templates["xenon1t"]
    slices = []
    for names, scale in ((("neutrons_{leff}", "neutrons_0"), 1), (("neutrons_{leff}",), 2)):
        file = regridded(folder, small_study, templates, "neutrons", "root", scale=scale)
        for name in names:
            study = study_of(folder, "neutrons", {"template": file | {"histogram": name}})
            slices.append(template_slice(study, "xenon1t", "neutrons"))
    first, named, changed = slices
    assert {key for key in first if first[key] != named[key]} == {"histogram", "shapes"}
    assert {key for key in first if first[key] != changed[key]} == {"template"}
    assert str(folder) not in str(slices)


@pytest.mark.parametrize(
    ("axes", "name", "message"),
    [
        (("cs1_phd", "cs2"), None, "found areas in phd; allowed: area_unit, PE"),
        (("cs1", "cs2_top"), None, "found cS2 of the array top; allowed: s2_array, bottom"),
        (("cs2", "cs1"), None, r"cs1: found 70 bins from .*; allowed: .* 67 bins from 3 to 70 \("),
        (
            ("cs1", "cs2"),
            "wimp",
            "source neutrons: template: .*: found histogram: wimp; allowed: o",
        ),
        (("cs1", "cs2"), "neutrons_{x}", r"found the shape parameter 'x'; allowed: .*\(leff\)"),
        (("cs1", "cs2"), "neutrons_-{leff}", r"anchors \{'leff': \[1.0, 2.0\]\}.* leff = -2"),
    ],
)
def test_named_histograms_that_do_not_fit_are_refused(
    folder, small_study, small_templates, axes, name, message
):
    without_shapes(folder)
    templates = small_templates["xenon1t"]
    file = regridded(folder, small_study, templates, "neutrons", "root", axes)
    with pytest.raises(ConfigError, match=message):
        study_of(folder, "neutrons", {"template": file | ({"histogram": name} if name else {})})


def test_a_table_with_a_name_is_refused(folder, small_study, small_templates):
    without_shapes(folder)
    file = regridded(folder, small_study, small_templates["xenon1t"], "neutrons", "root")
    with pytest.raises(ConfigError, match=r"exported.parquet: found a file that is neither HDF5"):
        study_of(folder, "neutrons", {"template": file | {"path": "exported.parquet"}})


def test_a_file_follows_exposure_multiplier_and_events(folder, small_study, small_templates):
    without_shapes(folder)
    template = small_templates["xenon1t"]["neutrons"]
    write_template(small_study, "xenon1t", "neutrons", template, folder / "exported.parquet")
    exposure = small_study.detectors["xenon1t"].exposure_kg_day
    file = {"path": "exported.parquet"}
    for keys, factor in (
        ({"template": file | {"exposure_kg_day": exposure / 4}, "rate_multiplier": 0.5}, 2.0),
        (
            {"template": file, "expected_events": 3, "uncertainty": 1},
            3 / template.nominal.sum(),
        ),
    ):
        study = study_of(folder, "neutrons", keys)
        again = build(study, "xenon1t", "neutrons", {}, {})
        np.testing.assert_allclose(again.expected, factor * template.expected, rtol=1e-12)
        np.testing.assert_allclose(again.variance, factor**2 * template.variance, rtol=1e-12)


def test_what_a_template_from_a_file_depends_on(folder, small_study, small_templates):
    without_shapes(folder)
    template = small_templates["xenon1t"]["neutrons"]
    path = folder / "exported.parquet"
    write_template(small_study, "xenon1t", "neutrons", template, path)
    keys = {"template": {"path": "exported.parquet", "exposure_kg_day": 100.0}}
    first = template_slice(study_of(folder, "neutrons", keys), "xenon1t", "neutrons")
    table = pd.read_parquet(path)
    table["expected_events"] *= 2
    table.to_parquet(path)
    study = study_of(folder, "neutrons", keys)
    second = template_slice(study, "xenon1t", "neutrons")
    assert {key for key in first if first[key] != second[key]} == {"template"}
    assert str(folder) not in str(second)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t[t["leff"] < 2], r"anchors \{'leff': \[-2.0, -1.0, 0.0, 1.0\]\}; .* leff = 2"),
        (
            lambda t: t.rename(columns={"leff": "light"}),
            "found the shape parameter 'light'; allowed:.*leff",
        ),
        (lambda t: t[t["cs1_low"] > 4.5], "cs1: found 65 bins from 5 to 70 .* no edge is at 3"),
        (lambda t: t.drop(columns="cs1_low"), "found columns"),
        (lambda t: t.assign(expected_events=-1.0), "row 1: .*at least 0"),
    ],
)
def test_refused_before_anything_runs(folder, small_study, small_templates, change, message):
    without_shapes(folder)
    template = small_templates["xenon1t"]["neutrons"]
    path = folder / "exported.parquet"
    write_template(small_study, "xenon1t", "neutrons", template, path)
    change(pd.read_parquet(path)).to_parquet(path)
    keys = {"template": {"path": "exported.parquet", "exposure_kg_day": 100.0}}
    with pytest.raises(ConfigError, match=message):
        study_of(folder, "neutrons", keys)


def test_refused_beside_other_keys(folder, small_study, small_templates):
    without_shapes(folder)
    for name in ("xenon1t", "lz"):
        template = small_templates[name]["neutrons"]
        write_template(small_study, name, "neutrons", template, folder / f"{name}.parquet")
    file = {"path": "xenon1t.parquet", "exposure_kg_day": 100.0}
    for keys, message in (
        ({"template": file | {"path": "lz.parquet"}}, "found areas in phd; allowed: area_unit, PE"),
        ({"template": file, "recoil": "nr"}, "found recoil beside template"),
        ({"template": {"path": "xenon1t.parquet"}}, "template: missing key 'exposure_kg_day'"),
        ({"template": {"path": "no.csv", "exposure_kg_day": 1}}, "no file no.csv"),
        ({"template": file, "expected_events": 3}, "expected_events .* and template.exposure_kg"),
    ):
        with pytest.raises(ConfigError, match=message):
            study_of(folder, "neutrons", keys)
