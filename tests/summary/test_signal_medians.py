"""A built-in WIMP spectrum, given as a file: the same limits, under another name."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from zeptobarn.inference.load import make_model
from zeptobarn.inference.results import write_limits
from zeptobarn.physics.efficiency import ENERGY, Efficiency
from zeptobarn.study.shapes import SIGNAL_EFFICIENCY, Shape
from zeptobarn.study.signals import Signal
from zeptobarn.summary.sensitivity import asimov_limits, write_sensitivity
from zeptobarn.summary.signal_medians import summarise_signals, write_signals
from zeptobarn.summary.summary import signal_files, summarise
from zeptobarn.support import paths
from zeptobarn.support.tables import read_metadata, read_parquet
from zeptobarn.templates.building import build
from zeptobarn.templates.spectra import source_tables, wimp_spectrum
from zeptobarn.templates.templates import write_template
from zeptobarn.templates.toys import throw

UNIT = "1e-45 cm²"


@pytest.fixture(scope="module")
def study(small_study, tmp_path_factory):
    """Two given signals: a WIMP of 50 GeV/c², and its half beside as many electronic recoils."""
    folder = tmp_path_factory.mktemp("signals")
    whole = wimp_spectrum(50)
    whole.to_csv(folder / "whole.csv", index=False)
    whole.assign(rate_per_kg_day_keV=whole["rate_per_kg_day_keV"] / 2).to_csv(
        folder / "half.csv", index=False
    )
    flat = pd.DataFrame({"recoil_energy_keV": [1.0, 9.0], "rate_per_kg_day_keV": [1e-5, 1e-5]})
    flat.to_csv(folder / "flat.csv", index=False)
    half, er = {"nr": str(folder / "half.csv")}, {"er": str(folder / "flat.csv")}
    return dataclasses.replace(
        small_study,
        results=folder,
        given_signals=(
            Signal("fifty", None, "fifty", UNIT, ("nr",), "", {"nr": str(folder / "whole.csv")}),
            Signal("both", None, "both", UNIT, ("nr", "er"), "", {**half, **er}),
        ),
    )


@pytest.fixture(scope="module")
def models(study, small_templates, small_responses):
    """Of XENON1T: the built-in WIMP and both given signals, by name."""
    templates = dict(small_templates["xenon1t"])
    for signal in study.given_signals:
        templates[signal.name] = build(
            study,
            "xenon1t",
            signal.name,
            source_tables(study, "xenon1t", signal.name),
            small_responses["xenon1t"],
        )
    return {
        name: make_model(study, "xenon1t", mass, interaction, {"xenon1t": templates})
        for name, (interaction, mass) in {
            "wimp": ("SI", 50),
            "fifty": ("fifty", None),
            "both": ("both", None),
        }.items()
    }


def test_a_wimp_given_as_a_file_has_its_limit(models):
    wimp, given = models["wimp"], models["fifty"]
    assert given.signal_events == pytest.approx(wimp.signal_events, rel=1e-9)
    events = wimp.toy(3)
    for interval in ("profiled", "leff_low"):
        ours, theirs = given.limit(events, interval), wimp.limit(events, interval)
        assert ours.rate_multiplier == pytest.approx(theirs.rate_multiplier, rel=1e-6)
        assert np.isnan(ours.cm2)
        assert ours.best_fit == pytest.approx(theirs.best_fit, rel=1e-5, abs=1e-5)
    text = str(given.limit(events))
    assert f"× {UNIT} at nominal 90 % CL" in text
    assert text.startswith("rate < ")
    for word in ("WIMP", "σ <", "cross section"):
        assert word not in text + repr(given)


def test_two_recoil_types_add_up(study, models, small_responses, small_templates):
    """Anchors are those of nuclear recoils here; electronic ones do not move with them."""
    both = models["both"].templates["xenon1t"]["both"]
    fifty = models["fifty"].templates["xenon1t"]["fifty"]
    assert both.shape_values == fifty.shape_values
    response = small_responses["xenon1t"]["er"]["nominal"]
    edges = response.energy_edges_keV
    width = np.clip(np.minimum(edges[1:], 9) - np.maximum(edges[:-1], 1), 0, None)
    electrons = 1e-5 * width @ response.probability * study.detectors["xenon1t"].exposure_kg_day
    for with_both, nuclear in zip(both.expected, fifty.expected, strict=True):
        difference = with_both - nuclear / 2
        assert difference.sum() == pytest.approx(electrons.sum(), rel=1e-3)
        np.testing.assert_allclose(difference, electrons, atol=0.02 * electrons.max())
    low, high = fifty.expected[0].sum(), fifty.expected[-1].sum()
    assert high != pytest.approx(low, rel=0.05)


def test_an_efficiency_of_one_recoil_type_leaves_the_other(study, models, small_responses):
    """Of nuclear recoils alone, half are seen; a nuisance of the efficiency scales both."""
    detector = study.detectors["xenon1t"]
    half = Efficiency("half", ENERGY, "nr", (0.1, 1000.0), (0.5, 0.5))
    detectors = {"xenon1t": dataclasses.replace(detector, efficiencies=(half,))}
    seen = dataclasses.replace(study, detectors=study.detectors | detectors)
    place = seen, "xenon1t", "both", source_tables(seen, "xenon1t", "both")
    before = models["both"].templates["xenon1t"]["both"].expected
    nuclear = models["fifty"].templates["xenon1t"]["fifty"].expected / 2
    after = build(*place, small_responses["xenon1t"]).expected
    np.testing.assert_allclose(after, before - nuclear / 2, atol=1e-3 * before.max())
    scale = Shape("eff", (-1, 0, 1), SIGNAL_EFFICIENCY, 0.1, True, ("xenon1t",), "constant")
    scaled = dataclasses.replace(study, shapes=(*study.shapes, scale))
    tables = source_tables(scaled, "xenon1t", "both")
    template = build(scaled, "xenon1t", "both", tables, small_responses["xenon1t"])
    for values, expected in zip(template.shape_values, template.expected, strict=True):
        (at,) = [k for k, v in enumerate(models["both"].templates["xenon1t"]["both"].shape_values)
                 if v == {n: x for n, x in values.items() if n != "eff"}]  # fmt: skip
        np.testing.assert_allclose(expected, (1 + 0.1 * values["eff"]) * before[at], rtol=1e-12)


def test_summary_is_that_of_the_wimp_in_rate_multipliers(study, models):
    toys = throw(study, "xenon1t", models["wimp"].templates["xenon1t"], range(1, 31))
    limits = {name: model.limits(toys) for name, model in models.items()}
    given = limits["fifty"]
    assert "signal" in given
    assert not [c for c in given.columns if c.endswith("_cm2") or c in ("mass_GeV", "interaction")]
    theirs = summarise(limits["wimp"])
    ours = summarise_signals(study, given)
    assert ours["signal"].unique() == ["fifty"]
    assert ours["unit"].unique() == [UNIT]
    for name in ("median", "plus2sigma", "minus1sigma", "plus1sigma_error", "power_constraint"):
        np.testing.assert_allclose(
            ours[f"{name}_rate_multiplier"] * 1e-45, theirs[f"{name}_cm2"], rtol=1e-6, atol=0
        )


def test_files_of_a_study(study, models):
    """Limits and Asimov limits into files, and from these the summary."""
    study = dataclasses.replace(
        study, detectors={"xenon1t": study.detectors["xenon1t"]}, trials=20, trials_per_batch=20
    )
    toys = throw(study, "xenon1t", models["wimp"].templates["xenon1t"], range(1, 21))
    rows = []
    for name in ("fifty", "both"):
        model = dataclasses.replace(models[name], study=study)
        file = study.model_path(paths.LIMITS, "xenon1t", name, None, batch="1-20")
        write_limits(model, iter([model.limits(toys)]), file)
        units = read_metadata(file)["units"]
        assert units["limit_rate_multiplier"] == UNIT
        assert "mass_GeV" not in units
        write_template(
            study, "xenon1t", name, model.templates["xenon1t"][name],
            study.path(paths.TEMPLATE, detector="xenon1t", source=name),
        )  # fmt: skip
        for interval in study.intervals:
            limits = asimov_limits(model, interval)
            named = {k.replace("_cm2", "_rate_multiplier"): v for k, v in limits.items()}
            rows.append({"signal": name, "interval": interval.name, **named})
    table = pd.DataFrame(rows).assign(
        template_error_rate_multiplier=0.0, template_bias_rate_multiplier=0.0
    )
    write_sensitivity(
        study, "xenon1t", table, study.path(paths.SIGNALS_SENSITIVITY, target="xenon1t")
    )
    files = [study.path(paths.SIGNALS_SUMMARY, suffix=suffix) for suffix in ("parquet", "csv")]
    summary = write_signals(study, *files)
    assert list(summary["signal"]) == ["fifty"] * 3 + ["both"] * 3
    assert summary["asimov_rate_multiplier"].tolist() == pytest.approx(
        table["asimov_rate_multiplier"].tolist()
    )
    kept, metadata = read_parquet(files[0])
    pd.testing.assert_frame_equal(kept, summary)
    assert metadata["words"]["labels"] == {"fifty": "fifty", "both": "both"}
    assert metadata["limit_files"] == signal_files(study)
    assert "v₀" not in metadata["words"]["conditions"]
