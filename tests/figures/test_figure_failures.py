"""Pictures of the failure study, for whole and for small studies: shares of trials, and words."""

import dataclasses

import handmade
import numpy as np
import pandas as pd
import pytest
from drawing import draw_and_keep, draw_twice, look_of, words_of
from matplotlib.colors import to_hex

from zeptobarn.failures import counts
from zeptobarn.figures import failure_tables
from zeptobarn.figures import failures as figures
from zeptobarn.figures.style import BLACK, BLUE, GREEN, ORANGE, RED, SKY
from zeptobarn.inference.status import WITH_LIMIT

# The trials of a scan are made once for all that look at them.
pytestmark = pytest.mark.xdist_group("failure_figures")

MORE_SCANS = ("n_events", "confidence_level", "n_trials", "leff_low")


def texts_of(axis):
    """The words in a table by its cells: columns from the left, rows from the top."""
    return {text.get_position(): text.get_text() for text in axis.texts}


def percent(share):
    return "0" if share == 0 else f"{100 * share:.0f} %" if share >= 0.01 else "< 1 %"


@pytest.mark.slow
def test_files_of_law_and_outcomes_are_the_same_twice(tmp_path, failure_study, failure_trials):
    summary = counts.summarise(failure_trials("n_events"))
    law = counts.law(summary)
    draw_twice(
        tmp_path / "law",
        lambda files: figures.draw_law(failure_study, "xenon1t", summary, law, files),
    )
    trials = failure_trials("n_events")
    draw_twice(
        tmp_path / "outcomes",
        lambda files: figures.draw_outcomes(failure_study, "xenon1t", trials, files),
    )


def test_the_law_stands_beside_the_counted_shares(failure_study, failure_trials):
    summary = counts.summarise(failure_trials("n_events"))
    law = counts.law(summary)
    figure = draw_and_keep(
        lambda files: figures.draw_law(failure_study, "xenon1t", summary, law, files)
    )
    empty = summary[(summary["finder"] == "conventional") & (summary["status"] == "empty_template")]
    for axis in figure.axes:
        mass = float(axis.get_title().removesuffix(" GeV/c²"))
        groups = empty[empty["mass_GeV"] == mass].groupby("shape_parameters", sort=False)
        predicted = [line for line in axis.lines if line.get_marker() == "None"]
        assert len(axis.containers) == len(groups)
        for (shapes, group), line, bars in zip(groups, predicted, axis.containers, strict=True):
            group = group.sort_values("n_events_for_pdf")
            n = group["n_events_for_pdf"]
            np.testing.assert_allclose(line.get_xydata().T, [n, group["predicted_fraction"]])
            np.testing.assert_allclose(
                bars[0].get_xydata().T, [n, group["n_failed"] / group["n_trials"]]
            )
            chosen = (law["mass_GeV"] == mass) & (law["shape_parameters"] == shapes)
            assert f"$\\chi^2$ = {law.loc[chosen, 'chi2'].iloc[0]:.1f} of" in bars.get_label()
        (ours,) = look_of(axis, marker="D", color=BLACK)
        precise = summary[(summary["finder"] == "precise") & (summary["mass_GeV"] == mass)]
        failed = precise.groupby("n_events_for_pdf")["n_failed"].sum()
        assert f"{failed.sum()} of {precise['n_with_status'].sum()} without" in ours.get_label()
        assert axis.get_xlabel() == "recoils per template, $n$"
        assert axis.get_xscale() == "log"
    assert figure.axes[0].get_ylabel() == "share of trials with an empty template"


def test_outcomes_are_those_of_the_trials(failure_study, failure_trials):
    trials = failure_trials("n_events")
    figure = draw_and_keep(
        lambda files: figures.draw_outcomes(failure_study, "xenon1t", trials, files)
    )
    rows = trials[(trials["shape_parameters"] == "none") & (trials["finder"] == "conventional")]
    for axis in figure.axes:
        mass = float(axis.get_title().removesuffix(" GeV/c²"))
        cells = texts_of(axis)
        of_mass = rows[rows["mass_GeV"] == mass]
        numbers = [text.get_text() for text in axis.get_xticklabels()]
        assert numbers == [str(n) for n in sorted(of_mass["n_events_for_pdf"].unique())]
        for j, n in enumerate(numbers):
            chosen = of_mass[of_mass["n_events_for_pdf"] == int(n)].set_index("draw")
            for draw in range(1, 13):
                good = np.isfinite(chosen["limit_rate_multiplier"][draw])
                assert cells[j, draw - 1] == ("o" if good else "×")
            failed = ~chosen["status"].isin(WITH_LIMIT)
            assert cells[j, 12.3] == percent(failed.mean())
            assert cells[j, 13.3] == percent(chosen["predicted_fraction"].iloc[0])
        names = [text.get_text() for text in axis.get_yticklabels()]
        assert names[12:] == ["failed", "predicted", "zeptobarn"]
        assert axis.get_ylabel() == "repetition"
    assert figure.axes[-1].get_xlabel() == "recoils per template"


@pytest.mark.parametrize(
    "scan", ["bound", *(pytest.param(scan, marks=pytest.mark.slow) for scan in MORE_SCANS)]
)
def test_tables_of_a_scan(tmp_path, failure_study, failure_trials, scan):
    summary = counts.summarise(failure_trials(scan))

    def draw(files):
        failure_tables.draw_tables(failure_study, "xenon1t", summary, {scan: files})

    draw_twice(tmp_path, draw)
    figure = draw_and_keep(draw)
    title = (
        "median rate multiplier"
        if scan == "leff_low"
        else "share of trials with no limit or a wrong one"
    )
    assert figure.get_suptitle() == f"XENON1T SR0: {title}"
    for axis in figure.axes:
        shape = (len(axis.get_xticks()), len(axis.get_yticks()))
        assert set(texts_of(axis)) <= set(np.ndindex(shape))
        assert texts_of(axis)


def test_cells_show_the_shares_of_their_outcomes(study):
    summary = handmade.scan_of_bounds()
    figure = draw_and_keep(
        lambda files: failure_tables.draw_tables(study, "xenon1t", summary, {"bound": files})
    )
    recipe, robust = figure.axes
    assert (recipe.get_title(), robust.get_title()) == ("conventional recipe", "zeptobarn")
    for axis, finder in ((recipe, "conventional"), (robust, "robust")):
        cells, squares = texts_of(axis), {}
        for patch in axis.patches:
            place = (round(patch.get_x() + 1e-9), round(patch.get_y() + 0.5))
            squares.setdefault(place, {})[to_hex(patch.get_facecolor())] = patch.get_width()
        for j, mass in enumerate((10, 50)):
            for i, bound in enumerate((10, 100, 1e5)):
                rows = summary[
                    (summary["finder"] == finder)
                    & (summary["mass_GeV"] == mass)
                    & (summary["bound"] == bound)
                ].set_index("status")
                shares = rows["n_failed"] / 100
                expected = {
                    ORANGE: shares["empty_template"],
                    SKY: shares["no_crossing"],
                    GREEN: rows["n_different"].sum() / 100,
                }
                expected = {c.lower(): share for c, share in expected.items() if share}
                assert squares[j, i] == pytest.approx(expected)
                assert cells[j, i] == percent(sum(expected.values()))
        assert [text.get_text() for text in axis.get_xticklabels()] == ["10", "50"]
        assert axis.get_xlabel() == "WIMP mass [GeV/c²]"
    assert [text.get_text() for text in recipe.get_yticklabels()] == ["10", "100", "$10^{5}$"]
    assert recipe.get_ylabel() == "bound"
    words = words_of(figure.legends[0])
    assert words == "empty_template no_crossing another number than the limit"


@pytest.mark.slow
@pytest.mark.parametrize(("n_across", "grid"), [(4, (1, 2)), (16, (2, 1))])
def test_panels_of_many_columns_stand_below_each_other(n_across, grid):
    """A table of the default's sixteen masses is as wide as a page, whatever its panels."""
    (width, height), shape = failure_tables._layout(2, ["10", "100", "100000"], n_across)
    assert shape == grid
    assert width < 10
    assert height < 6


def test_files_of_the_window_are_the_same_twice(tmp_path, failure_study, failure_trials):
    summary = counts.summarise(failure_trials("confidence_level"))
    draw_twice(
        tmp_path, lambda files: figures.draw_window(failure_study, "xenon1t", summary, files)
    )


def test_the_window_of_confidence_levels(study):
    levels, usual = (0.3, 0.5, 0.7, 0.9), handmade.scan_of_bounds().iloc[1]
    rows = [
        {**usual, "scan": "confidence_level", "mass_GeV": mass, "bound": bound, "n_failed": failed}
        | {"confidence_level": level, "predicted_fraction": failed / 100 + 0.05}
        for mass in (10.0,)
        for bound, all_failed in ((10.0, (90, 0, 20, 80)), (100.0, (80, 0, 10, 40)))
        for level, failed in zip(levels, all_failed, strict=True)
    ]
    summary = pd.DataFrame(rows)
    figure = draw_and_keep(lambda files: figures.draw_window(study, "xenon1t", summary, files))
    (axis,) = figure.axes
    for bars, colour, share in zip(
        axis.containers, (BLUE, RED), ((0.1, 1, 0.8, 0.2), (0.2, 1, 0.9, 0.6)), strict=True
    ):
        np.testing.assert_allclose(bars[0].get_xydata().T, [levels, share])
        (line,) = look_of(axis, color=colour, marker="None")
        np.testing.assert_allclose(line.get_xydata().T, [levels, np.subtract(share, 0.05)])
        assert bars[0].get_color() == colour
    assert bars.get_label().startswith("bound 100: at least half at\n0.38 … –")
    assert axis.get_xlabel() == "confidence level"
    words = "share of trials in which the conventional recipe has a number"
    assert " ".join(axis.get_ylabel().split()) == words
    assert axis.get_title() == "10 GeV/c²"


def test_one_mass_can_be_drawn(failure_study, failure_trials):
    rows = failure_trials("n_events")
    summary = counts.summarise(rows[(rows["mass_GeV"] == 50)])
    law = draw_and_keep(
        lambda files: figures.draw_law(
            failure_study, "xenon1t", summary, counts.law(summary), files
        )
    )
    assert [axis.get_title() for axis in law.axes] == ["50 GeV/c²"]
    table = draw_and_keep(
        lambda files: failure_tables.draw_tables(
            failure_study, "xenon1t", summary, {"n_events": files}
        )
    )
    for axis in table.axes:
        assert [text.get_text() for text in axis.get_yticklabels()] == ["50"]


@pytest.mark.slow
def test_every_outcome_has_a_colour(failure_trials):
    failed = pd.concat(failure_trials(scan) for scan in ("bound", *MORE_SCANS))["status"].unique()
    assert set(failed) - set(WITH_LIMIT) <= set(failure_tables._OUTCOMES)


def test_a_method_is_named(failure_study, failure_trials):
    study = dataclasses.replace(failure_study, response_method="simulation")
    rows = failure_trials("n_events")
    summary = counts.summarise(rows)
    words = words_of(
        draw_and_keep(
            lambda files: figures.draw_law(study, "xenon1t", summary, counts.law(summary), files)
        )
    )
    assert "zeptobarn, templates simulated by energy:" in words
