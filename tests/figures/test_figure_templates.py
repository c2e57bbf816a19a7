"""Templates as densities, and the bands of electronic and nuclear recoils."""

import dataclasses

import handmade
import numpy as np
import pandas as pd
import pytest
from drawing import draw_and_keep, draw_twice, edges_of, words_of
from matplotlib.colors import to_hex

from zeptobarn.figures import templates as figures
from zeptobarn.figures.style import BLACK, BLUE, RED

SIGNAL = "wimp_SI_50GeV"


@pytest.fixture(scope="module")
def templates(study):
    return handmade.templates(study, "lz", SIGNAL)


@pytest.fixture(scope="module")
def dataset():
    return handmade.dataset()


@pytest.mark.parametrize(
    "draw", [figures.draw_bands, pytest.param(figures.draw_templates, marks=pytest.mark.slow)]
)
def test_files_are_the_same_twice(tmp_path, study, templates, dataset, draw):
    draw_twice(tmp_path, lambda files: draw(study, "lz", templates, dataset, files))


def test_every_template_is_drawn_relative_to_its_maximum(study, templates, dataset):
    figure = draw_and_keep(
        lambda files: figures.draw_templates(study, "lz", templates, dataset, files)
    )
    detector, space = study.detectors["lz"], study.detectors["lz"].space
    labels = {source.name: source.label for source in detector.sources}
    labels[SIGNAL] = "WIMP SI 50 GeV/c²"
    for axis, (name, template) in zip(figure.axes, templates.items(), strict=False):
        mesh, points = axis.collections
        expected = template.nominal.reshape(space.shape) / template.nominal.max()
        np.testing.assert_allclose(mesh.get_array().filled(0), expected.T)
        corners = mesh.get_coordinates()
        np.testing.assert_array_equal(corners[0, :, 0], space.cs1_edges)
        np.testing.assert_array_equal(corners[:, 0, 1], space.cs2_edges)
        np.testing.assert_array_equal(points.get_offsets(), dataset[["cs1", "cs2"]])
        assert axis.get_title() == f"{labels[name]}\n{template.nominal.sum():.4g} events"
        assert axis.get_yscale() == "log"
    assert not any(axis.get_visible() for axis in figure.axes[len(templates) : -1])
    assert figure.axes[-1].get_ylabel() == "density relative to the template's maximum"
    assert (figure.get_supxlabel(), figure.get_supylabel()) == ("cS1 [phd]", "cS2 [phd]")
    assert "WIMPs at $10^{-45}$ cm²" in figure.get_suptitle()


def test_bands_and_events_are_those_of_the_sources(study, templates, dataset):
    figure = draw_and_keep(lambda files: figures.draw_bands(study, "lz", templates, dataset, files))
    (axis,), detector = figure.axes, study.detectors["lz"]
    er, nr, *scattered = axis.collections
    # The nuclear recoils that reach the highest cS1 are the last of the sources.
    for shown, line, name, colour in zip(
        (er, nr), axis.lines, ("er", "cevns_dsnb"), (BLUE, RED), strict=True
    ):
        centres, low, middle, high = figures.band(detector.space, templates[name].nominal)
        np.testing.assert_array_equal(edges_of(shown), [centres, low, high])
        np.testing.assert_array_equal(line.get_data(), [centres, middle])
        assert line.get_color() == colour
        label = {source.name: source.label for source in detector.sources}[name]
        kind = {"er": "ER"}.get(name, "NR")
        assert line.get_label() == f"{kind} band: {label}"
    for points, name in zip(scattered, ("er", "neutrons"), strict=True):
        events = dataset[dataset["source"] == name]
        np.testing.assert_array_equal(points.get_offsets(), events[["cs1", "cs2"]])
        source = next(source for source in detector.sources if source.name == name)
        assert points.get_label() == f"{source.label} ({len(events)})"
        colour = BLACK if name == "er" else source.colour
        assert to_hex(points.get_facecolor()[0]) == colour.lower()
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("cS1 [phd]", "cS2 [phd]")
    assert axis.get_yscale() == "log"
    assert "one background-only dataset (43 events)" in axis.get_title()
    assert "radiogenic neutrons (3)" in words_of(axis.get_legend())


def test_axes_have_the_unit_of_the_detector(study, dataset):
    lz = study.detectors["lz"]
    lz = dataclasses.replace(lz, apparatus=dataclasses.replace(lz.apparatus, area_unit="PE"))
    study = dataclasses.replace(study, detectors={"lz": lz})
    templates = handmade.templates(study, "lz", SIGNAL)
    for draw in (figures.draw_templates, figures.draw_bands):
        figure = draw_and_keep(
            lambda files, draw=draw: draw(study, "lz", templates, dataset, files)
        )
        assert "cS1 [PE]" in words_of(figure)
        assert "cS2 [PE]" in words_of(figure)


def test_a_band_holds_the_central_eighty_percent(study):
    """Of a normal density in log(cS2), which is 0.12 wide, at cS1 = 20."""
    space = study.detectors["lz"].space
    band = figures.band(space, handmade.template(space, 7.0, 20, 3.5).nominal)
    centres, *quantiles = band
    at = np.argmin(np.abs(centres - 20))
    middle = 3.5 + 0.004 * centres[at]
    expected = middle + 0.12 * np.array([-1.2816, 0, 1.2816])
    np.testing.assert_allclose(np.log10([each[at] for each in quantiles]), expected, atol=0.004)


def test_bands_are_ordered_and_apart(small_study, small_templates):
    space = small_study.detectors["lz"].space
    bands = {}
    for source in ("er", "neutrons"):
        centres, low, middle, high = figures.band(space, small_templates["lz"][source].nominal)
        assert (low < middle).all()
        assert (middle < high).all()
        bands[source] = pd.Series(middle, index=centres)
    assert (bands["er"] > 1.3 * bands["neutrons"]).all()


def test_level_holds_its_share(small_templates):
    expected = small_templates["lz"][SIGNAL].nominal
    for share in (0.9, 0.5):
        level = figures.density_level(expected, share)
        assert expected[expected >= level].sum() / expected.sum() == pytest.approx(share, abs=0.01)
        # The densest bins that do, and none more.
        inside, within = (
            expected[chosen].sum() for chosen in (expected >= level, expected > level)
        )
        assert within < share * expected.sum() <= inside
