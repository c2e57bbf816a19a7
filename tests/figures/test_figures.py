"""Figures are drawn, reproducibly, with what they must hold; looking at them is for people."""

import dataclasses
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest

from zeptobarn.figures import coverage as coverage_figures
from zeptobarn.figures import limits as limit_figures
from zeptobarn.figures import spectra as spectrum_figures
from zeptobarn.figures import templates as template_figures
from zeptobarn.figures import yields as yield_figures
from zeptobarn.inference.load import make_model
from zeptobarn.inference.results import COVERAGE_UNITS
from zeptobarn.physics.halo import HALOS
from zeptobarn.physics.yields import MODELS, mean_yields
from zeptobarn.study.study import Interval
from zeptobarn.summary.published import read_published
from zeptobarn.summary.summary import summarise
from zeptobarn.templates.spectra import spectrum
from zeptobarn.templates.toys import throw


@pytest.fixture(scope="module")
def dataset(small_study, small_templates):
    return throw(small_study, "lz", small_templates["lz"], [1]).events


@pytest.fixture(scope="module")
def summary(small_study, small_templates):
    toys = {d: throw(small_study, d, t, range(1, 21)) for d, t in small_templates.items()}
    return summarise(
        pd.concat(
            make_model(small_study, detector, mass, "SI", small_templates).limits(toys[detector])
            for detector in small_study.detectors
            for mass in small_study.masses_GeV
        )
    )


@pytest.fixture(scope="module")
def published():
    return [read_published("resources/published/xenon1t_2017.csv")]


def draw_twice(tmp_path, draw):
    """Draw into two folders; give the files of the first after checking the second's."""
    folders = []
    for name in ("one", "two"):
        files = [tmp_path / name / f"figure.{suffix}" for suffix in ("png", "pdf")]
        draw(files)
        folders.append(files)
    for one, two in zip(*folders, strict=True):
        assert one.read_bytes() == two.read_bytes()
        assert len(list(one.parent.iterdir())) == 2
    return folders[0]


def draw_and_keep(monkeypatch, module, draw):
    """Draw with a module of figures; give the figure itself, to see what it holds."""
    kept, opened = [], module.new_figure

    @contextmanager
    def keeping(*arguments):
        with opened(*arguments) as figure:
            yield figure
        kept.append(figure)

    with monkeypatch.context() as patch:
        patch.setattr(module, "new_figure", keeping)
        draw()
    (figure,) = kept
    return figure


def test_spectra(tmp_path, small_study, small_spectra):
    spectra = small_spectra | {name: spectrum(small_study, name) for name in small_study.spectra()}
    png, pdf = draw_twice(
        tmp_path, lambda files: spectrum_figures.draw(small_study, "SI", spectra, files)
    )
    assert png.read_bytes().startswith(b"\x89PNG")
    assert pdf.read_bytes().startswith(b"%PDF")


def test_yields(tmp_path, small_study, monkeypatch):
    draw_twice(tmp_path, lambda files: yield_figures.draw(small_study, "xenon1t", files))
    figure = draw_and_keep(
        monkeypatch,
        yield_figures,
        lambda: yield_figures.draw(small_study, "xenon1t", [tmp_path / "kept.png"]),
    )
    apparatus = small_study.detectors["xenon1t"].apparatus
    field = apparatus.drift_field_V_per_cm
    density = apparatus.liquid_density_g_per_cm3
    for row, recoil in zip(np.reshape(figure.axes, (2, 2)), ("nr", "er"), strict=True):
        for axis, quanta in zip(row, ("photons", "electrons"), strict=True):
            lines = {line.get_label(): line for line in axis.lines}
            for model in MODELS[recoil]:
                x, y = lines[model].get_data()
                expected = getattr(mean_yields(model, x, field, density_g_per_cm3=density), quanta)
                np.testing.assert_allclose(y * x, expected)
                full = model == apparatus.yields[recoil]
                assert lines[model].get_linestyle() == ("-" if full else "--")


@pytest.mark.slow
def test_templates_and_bands(tmp_path, small_study, small_templates, dataset):
    for draw in (template_figures.draw_templates, template_figures.draw_bands):
        draw_twice(
            tmp_path / draw.__name__,
            lambda files, draw=draw: draw(small_study, "lz", small_templates["lz"], dataset, files),
        )


def test_bands_are_ordered_and_apart(small_study, small_templates):
    space = small_study.detectors["lz"].space
    bands = {}
    for source in ("er", "neutrons"):
        centres, low, middle, high = template_figures.band(
            space, small_templates["lz"][source].nominal
        )
        assert (low < middle).all()
        assert (middle < high).all()
        bands[source] = pd.Series(middle, index=centres)
    assert (bands["er"] > 1.3 * bands["neutrons"]).all()


def test_limits(tmp_path, small_study, summary, published):
    draw_twice(
        tmp_path / "detector",
        lambda files: limit_figures.draw_detector(
            small_study, "xenon1t", "SI", summary, published, files
        ),
    )
    draw_twice(
        tmp_path / "together",
        lambda files: limit_figures.draw_together(small_study, "SI", summary, published, files),
    )


def test_withheld_medians_can_be_drawn(tmp_path, small_study, summary):
    withheld = summary.assign(
        **{name: float("nan") for name in summary.columns if name.endswith("cm2")}
    )
    limit_figures.draw_detector(small_study, "lz", "SI", withheld, [], [tmp_path / "f.png"])
    assert (tmp_path / "f.png").stat().st_size > 5000


def test_published_tables_name_their_sources():
    from pathlib import Path

    files = list(Path("resources/published").glob("*.csv"))
    assert files
    for path in files:
        table = pd.read_csv(path)
        assert list(table.columns) == [
            "label", "interaction", "mass_GeV", "cross_section_cm2", "kind", "source", "statistic",
            "v0_km_s",
        ]  # fmt: skip
        assert table.notna().all(axis=None)
        assert table["cross_section_cm2"].between(1e-49, 1e-42).all()


def test_coverage(tmp_path, small_study):
    rows = [
        (interval.name, kind, events, 2 * events, 1000, 900 + k, 0)
        for interval in small_study.intervals
        for k, kind in enumerate(("asymptotic", "toys"))
        for events in (1.0, 3.0)
    ]
    table = pd.DataFrame(rows, columns=list(COVERAGE_UNITS))
    draw_twice(
        tmp_path,
        lambda files: coverage_figures.draw_coverage(
            small_study, "lz", {10: table, 50: table}, files
        ),
    )


def words_of(figure):
    """All that is written in a figure, in one line."""
    texts = [figure.get_suptitle(), figure.get_supxlabel()]
    for axis in figure.axes:
        texts += [axis.get_title(), axis.get_xlabel(), axis.get_ylabel()]
        texts += [text.get_text() for text in axis.get_yticklabels()]
    texts += [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    return " ".join(" ".join(texts).split())


@pytest.fixture
def other_study(small_study):
    """A study whose intervals are not what their names say."""
    low, nominal = (small_study.intervals[0].name, small_study.intervals[-1].name)
    return dataclasses.replace(
        small_study,
        halo="xenon2017",
        critical_values="toys",
        intervals=(
            Interval(low, {"leff": 1}, (), cls=True),
            Interval(nominal, {}, ("g1",), "unified"),
        ),
    )


@pytest.mark.parametrize("together", [False, True])
def test_limits_mark_masses_and_show_the_asymptotic_median(
    tmp_path, monkeypatch, small_study, summary, together
):
    study = dataclasses.replace(small_study, marked_masses_GeV=(10, 33), critical_values="toys")

    def lines(which):
        def draw():
            files = [tmp_path / "f.png"]
            if together:
                limit_figures.draw_together(which, "SI", summary, [], files)
            else:
                limit_figures.draw_detector(which, "lz", "SI", summary, [], files)

        figure = draw_and_keep(monkeypatch, limit_figures, draw)
        return [line for axis in figure.axes for line in axis.get_lines()]

    marks = [line for line in lines(study) if line.get_marker() == "o"]
    assert marks
    assert {tuple(line.get_xdata()) for line in marks} == {(10.0,)}
    thin = sum(line.get_linewidth() == 0.7 for line in lines(study))
    assert thin == (len(study.detectors) if together else len(study.intervals))
    assert not any(line.get_linewidth() == 0.7 for line in lines(small_study))


@pytest.mark.parametrize("together", [False, True])
def test_limits_say_what_they_are(
    tmp_path, monkeypatch, small_study, other_study, summary, published, together
):
    def words(study):
        files = [tmp_path / "f.png"]

        def draw():
            if together:
                limit_figures.draw_together(study, "SI", summary, published, files)
            else:
                limit_figures.draw_detector(study, "xenon1t", "SI", summary, published, files)

        return words_of(draw_and_keep(monkeypatch, limit_figures, draw))

    found = words(small_study)
    halo = HALOS[small_study.halo].v0_km_s
    assert r"upper limit ($\tilde{q}$), nominal 90 % CL, asymptotic" in found
    assert f"$v_0$ = {halo} km/s" in found
    assert r"XENON1T 2017: limit, $\tilde{q}$ asymptotic, $v_0$ = 220 km/s" in found
    found = words(other_study)
    assert "90 % CL, calibrated with toys; $v_0$ = 220 km/s" in found
    assert "nominal" not in found
    assert r"CLs upper limit ($\tilde{q}$), $L_\mathrm{eff}$ at +1σ" in found
    assert r"unified interval ($\tilde{t}$), g1 profiled" in found


@pytest.mark.parametrize("excluded", [0, 1])
def test_a_band_that_ends_at_the_smallest_signal_says_so(
    tmp_path, monkeypatch, small_study, summary, excluded
):
    """Where more than 2.3 % of the trials exclude every signal, the −2σ edge is no limit."""
    table = summary.assign(n_trials=20, n_all_signals_excluded=excluded)
    figure = draw_and_keep(
        monkeypatch,
        limit_figures,
        lambda: limit_figures.draw_detector(
            small_study, "lz", "SI", table, [], [tmp_path / "f.png"]
        ),
    )
    texts = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert ("all signals excluded" in texts) is bool(excluded)


@pytest.mark.parametrize("together", [False, True])
def test_limits_mark_the_masses_that_were_computed(
    tmp_path, monkeypatch, small_study, summary, together
):
    """What lies between them is a chord."""
    files = [tmp_path / "f.png"]

    def draw():
        if together:
            limit_figures.draw_together(small_study, "SI", summary, [], files)
        else:
            limit_figures.draw_detector(small_study, "lz", "SI", summary, [], files)

    figure = draw_and_keep(monkeypatch, limit_figures, draw)
    marked = [
        line
        for axis in figure.axes
        for line in axis.lines
        if line.get_marker() not in ("None", "v", "o")
    ]
    assert len(marked) == len(small_study.detectors if together else small_study.intervals)
    for line in marked:
        assert list(line.get_xdata()) == list(small_study.masses_GeV)
        assert line.get_linestyle() == "-"  # in dashes they would be lost


def test_a_curve_of_ones_own_need_not_say(tmp_path, monkeypatch, small_study, summary, published):
    bare = [published[0].drop(columns=["statistic", "v0_km_s"])]
    figure = draw_and_keep(
        monkeypatch,
        limit_figures,
        lambda: limit_figures.draw_together(small_study, "SI", summary, bare, [tmp_path / "f.png"]),
    )
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "XENON1T 2017: limit" in texts


def test_words_of_limits_lie_inside_the_figure(
    tmp_path, monkeypatch, other_study, summary, published
):
    """The legend's own layout does not see to it."""
    many = Interval(other_study.intervals[0].name, {}, ("leff", "g1", "er_component_1"))
    study = dataclasses.replace(other_study, intervals=(many, other_study.intervals[1]))
    figure = draw_and_keep(
        monkeypatch,
        limit_figures,
        lambda: limit_figures.draw_together(study, "SI", summary, published, [tmp_path / "f.png"]),
    )
    figure.draw_without_rendering()
    for artist in (*figure.legends, figure._suptitle):
        box = artist.get_window_extent()
        assert box.x0 >= figure.bbox.x0
        assert box.x1 <= figure.bbox.x1
