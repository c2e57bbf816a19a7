"""Recoil spectra: the rates of the tables per tonne and year, and their integrals."""

import handmade
import numpy as np
import pytest
from drawing import draw_and_keep, draw_twice, line_of, look_of, words_of

from zeptobarn.figures import spectra as figures
from zeptobarn.study.study import signal_recoil
from zeptobarn.templates.spectra import background_spectrum, spectrum


@pytest.fixture(scope="module")
def tables(study):
    return handmade.spectra(study)


def positive(table, multiplier=1.0):
    """Energies and rates above 0, per tonne and year."""
    rows = table[table["rate_per_kg_day_keV"] > 0]
    rate = rows["rate_per_kg_day_keV"] * multiplier * 1000 * 365.25
    return np.array([rows["recoil_energy_keV"], rate])


def with_spectrum(detector):
    return [source for source in detector.sources if source.spectrum is not None]


@pytest.mark.parametrize(
    "draw", [figures.draw, pytest.param(figures.draw_integrated, marks=pytest.mark.slow)]
)
def test_files_are_the_same_twice(tmp_path, study, tables, draw):
    draw_twice(tmp_path, lambda files: draw(study, "SI", tables, files))


def test_lines_are_as_high_as_their_rates_over_one_keV(study, tables):
    """And not as high as the narrow triangles that stand for them."""
    (detector, *_) = study.detectors.values()
    source = with_spectrum(detector)[0]
    rows = [{"energy_keV": e, "rate_per_kg_day": r} for e, r in ((2.8, 3e-4), (5.2, 1e-4))]
    lines = background_spectrum({"name": "n", "kind": "lines", "lines": rows})
    changed = {**tables, source.spectrum["name"]: lines}
    figure = draw_and_keep(lambda files: figures.draw(study, "SI", changed, files))
    energies, heights = line_of(figure.axes[1], source.label)
    np.testing.assert_allclose(energies, [2.8] * 3 + [5.2] * 3)
    expected = np.array([3e-4, 1e-4]) * source.rate_multiplier * 1000 * 365.25
    np.testing.assert_allclose(heights[1::3], expected)
    assert (np.delete(heights, [1, 4]) < 1e-50).all()


def test_spectra_are_those_of_the_tables(study, tables):
    figure = draw_and_keep(lambda files: figures.draw(study, "SI", tables, files))
    signals, *others = figure.axes
    for mass in study.masses_GeV:
        table = tables[f"wimp_SI_{mass:g}GeV"]
        np.testing.assert_allclose(line_of(signals, f"{mass:g}"), positive(table))
    for axis, detector in zip(others, study.detectors.values(), strict=True):
        assert len(axis.lines) == len(with_spectrum(detector))
        for source in with_spectrum(detector):
            expected = positive(tables[source.spectrum["name"]], source.rate_multiplier)
            np.testing.assert_allclose(line_of(axis, source.label), expected)
            (line,) = look_of(axis, label=source.label)
            assert line.get_color() == source.colour
            assert line.get_linestyle() == ("--" if source.recoil == "er" else "-")
            assert source.label in words_of(figure.legends[0])
        assert axis.get_title() == f"backgrounds, {detector.title}"
    for axis in figure.axes:
        assert axis.get_xlabel() == "recoil energy [keV]"
        assert axis.get_ylabel() == "rate [events/(t yr keV)]"
        assert axis.get_xscale() == axis.get_yscale() == "log"
        highest = max(line.get_ydata().max() for line in axis.lines)
        assert axis.get_ylim() == pytest.approx((1e-8 * highest, 5 * highest), abs=0)
    assert signals.get_title() == "WIMP, spin-independent, $10^{-45}$ cm²"
    assert signals.get_legend().get_title().get_text() == "GeV/c²"


def test_integrals_stand_beside_their_spectra(study, tables):
    figure = draw_and_keep(lambda files: figures.draw_integrated(study, "SI", tables, files))
    (left, right), *rows = np.reshape(figure.axes, (-1, 2))
    shown = [(left, right, tables[f"wimp_SI_{m:g}GeV"], f"{m:g} GeV/c²", 1.0) for m in (10, 1000)]
    for axes, detector in zip(rows, study.detectors.values(), strict=True):
        for source in with_spectrum(detector):
            table = tables[source.spectrum["name"]]
            shown.append((*axes, table, source.label, source.rate_multiplier))
        cutoffs = detector.apparatus.response_cutoff_keV
        for axis in axes:
            for kind, style in (("nr", ":"), ("er", "-.")):
                assert line_of(axis, f"cutoff ({kind})")[0].tolist() == [cutoffs[kind]] * 2
                assert look_of(axis, label=f"cutoff ({kind})", linestyle=style)
        recoil = signal_recoil("SI")
        for axis in (left, right):
            at = line_of(axis, f"cutoff ({recoil}), {detector.title}")[0]
            assert at.tolist() == [cutoffs[recoil]] * 2
    for spectrum_axis, integral_axis, table, label, multiplier in shown:
        np.testing.assert_allclose(line_of(spectrum_axis, label), positive(table, multiplier))
        energy, above = line_of(integral_axis, label)
        np.testing.assert_allclose(above, multiplier * figures.rate_above(table, energy))
    for row in np.reshape(figure.axes, (-1, 2)):
        assert row[0].get_ylabel() == "rate [events/(t yr keV)]"
        assert row[1].get_ylabel() == "rate above energy [events/(t yr)]"
        assert all(axis.get_xscale() == axis.get_yscale() == "log" for axis in row)
    assert all(axis.get_xlabel() == "recoil energy [keV]" for axis in figure.axes[-2:])


def test_rate_above_an_energy(small_study):
    """Against a sum over a fine grid, and the flat background in the head."""
    table = spectrum(small_study, "wimp_SI_7GeV")
    energies = np.array([0.1, 1.0, 3.0, 10.0])
    fine = np.geomspace(0.05, 6, 200_001)
    middle = np.sqrt(fine[1:] * fine[:-1])
    rate = np.interp(middle, table["recoil_energy_keV"], table["rate_per_kg_day_keV"])
    sums = [(rate * np.diff(fine))[middle > energy].sum() * 365250 for energy in energies]
    signal_above = figures.rate_above(table, energies)
    assert signal_above == pytest.approx(sums, rel=2e-3)
    assert signal_above[3] == 0
    flat = spectrum(small_study, "er_lz")
    above = figures.rate_above(flat, np.array([0.0, 10.0]))
    assert above == pytest.approx(4.04e-5 * 365250 * np.array([30, 20]))
