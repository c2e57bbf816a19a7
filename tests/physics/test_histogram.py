"""Templates from files: read, rebinned, and what is refused."""

import itertools

import numpy as np
import pandas as pd
import pytest

from zeptobarn.physics.detector import AnalysisSpace
from zeptobarn.physics.histogram import at_anchors, rebinned
from zeptobarn.physics.histogram_files import read_histogram
from zeptobarn.support.config import ConfigError
from zeptobarn.support.tables import write_parquet

CS1, CS2 = np.linspace(3, 15, 7), np.geomspace(100, 6400, 7)
SPACE = AnalysisSpace(CS1[::2], CS2[::3])


def table(shapes=(), cs1=CS1, cs2=CS2, seed=1):
    """Rows of a template with random contents, in the order of a study's own results."""
    rng = np.random.default_rng(seed)
    rows = []
    for values in itertools.product(*(anchors for _, anchors in shapes)):
        for a, b in itertools.product(itertools.pairwise(cs1), itertools.pairwise(cs2)):
            events, variance = rng.exponential(size=2)
            rows.append([*values, *a, *b, events, 0.01 * variance])
    names = [name for name, _ in shapes]
    edges = ["cs1_low", "cs1_high", "cs2_low", "cs2_high"]
    return pd.DataFrame(rows, columns=[*names, *edges, "expected_events", "variance"])


def written(tmp_path, rows, kind="csv"):
    path = tmp_path / f"mine.{kind}"
    rows.to_csv(path, index=False) if kind == "csv" else rows.to_parquet(path)
    return path


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_read_whatever_the_order_of_rows(tmp_path, kind):
    rows = table([("leff", (-1, 0, 2)), ("g1", (0, 1))])
    found = read_histogram(written(tmp_path, rows.sample(frac=1, random_state=3), kind))
    assert found.shapes == ("leff", "g1")
    np.testing.assert_array_equal(found.cs1_edges, CS1)
    np.testing.assert_array_equal(found.cs2_edges, CS2)
    order = at_anchors(
        found,
        {f"{a} {b}": {"g1": b, "leff": a} for a in (-1, 0, 2) for b in (0, 1)},
        ["g1", "other", "leff"],
        "here",
    )
    np.testing.assert_array_equal(found.expected[order].ravel(), rows["expected_events"].to_numpy())
    np.testing.assert_array_equal(found.variance[order].ravel(), rows["variance"].to_numpy())


def test_bins_that_make_up_those_of_the_space(tmp_path):
    """Sums over whole bins, those of the variance too; what lies outside is left out."""
    cs1, cs2 = np.append(0.0, np.append(CS1, 20.0)), np.append(CS2, 9000.0)
    rows = table(cs1=cs1, cs2=cs2)
    expected, variance = rebinned(read_histogram(written(tmp_path, rows)), SPACE, "here")
    for found, name in ((expected, "expected_events"), (variance, "variance")):
        assert found.shape == (1, 6)
        by_hand = [
            rows[
                (rows["cs1_low"] >= a - 1e-9) & (rows["cs1_high"] <= b + 1e-9)
                & (rows["cs2_low"] >= c * (1 - 1e-9)) & (rows["cs2_high"] <= d * (1 + 1e-9))
            ][name].sum()
            for a, b in itertools.pairwise(SPACE.cs1_edges)
            for c, d in itertools.pairwise(SPACE.cs2_edges)
        ]  # fmt: skip
        np.testing.assert_allclose(found[0], by_hand, rtol=1e-12)
    assert expected.sum() < rows["expected_events"].sum()


def test_edges_of_seven_digits_align(tmp_path):
    rows = table().round(7)
    rows[["cs2_low", "cs2_high"]] = rows[["cs2_low", "cs2_high"]].map(lambda x: float(f"{x:.7g}"))
    expected, variance = rebinned(read_histogram(written(tmp_path, rows)), SPACE, "here")
    assert expected.sum() == pytest.approx(rows["expected_events"].sum(), rel=1e-12)
    fewer = read_histogram(written(tmp_path, rows.drop(columns="variance")))
    assert variance.any()
    assert not fewer.variance.any()


@pytest.mark.parametrize(
    ("axis", "edges", "message"),
    [
        ("cs1", np.linspace(3, 15, 6), r"mine: cs1: found 5 bins from 3 to 15 \(edges 3, 5.4, 7.8"),
        ("cs1", np.linspace(3, 13, 6), "make up those of analysis_space, 3 bins from 3 to 15"),
        ("cs2", np.geomspace(100, 6400, 2), r"cs2: found 1 bins .* no edge is at 800"),
        ("cs2", CS2[1:], r"cs2: found 5 bins from 200 to 6400 .* no edge is at 100"),
    ],
)
def test_grids_that_do_not_nest_are_refused_with_both(tmp_path, axis, edges, message):
    histogram = read_histogram(written(tmp_path, table(**{axis: edges})))
    with pytest.raises(ConfigError, match=message):
        rebinned(histogram, SPACE, "mine")


def test_anchors_that_are_not_the_study_s_are_refused(tmp_path):
    histogram = read_histogram(written(tmp_path, table([("leff", (-1, 0, 1))])))
    with pytest.raises(
        ConfigError, match=r"mine: found the shape parameter 'leff'; allowed: .*\(none\)"
    ):
        at_anchors(histogram, {"nominal": {}}, [], "mine")
    anchors = {str(x): {"leff": x} for x in (-1, 0, 2)}
    with pytest.raises(ConfigError, match=r"\{'leff': \[-1.0, 0.0, 1.0\]\}; .* also leff = 2"):
        at_anchors(histogram, anchors, ["leff"], "mine")


def change(rows, at, **values):
    rows = rows.copy()
    for name, value in values.items():
        rows.loc[at, name] = value
    return rows


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (table().drop(columns="cs2_high"), "found columns .*; needed: 'cs1_low'"),
        (change(table(), 3, expected_events=-1.0), "row 5: .*expected_events=-1.0.* at least 0"),
        (change(table(), 3, variance=-1.0), "row 5: .*values of at least 0"),
        (change(table(), 3, cs1_high=2.0), "row 5: .*low edges lie below the high ones"),
        (table().drop(index=7), r"found 35 rows; allowed: all 6 × 6 bins .* 36, empty ones too"),
        (pd.concat([table(), table()[:1]]), "row 38: .*each bin once per anchor"),
        (change(table().astype(object), 3, variance="x"), "row 5: .*variance=x; allowed: finite"),
        (change(table(), 0, cs1_high=4.0), "cs1: found bins 3 to 4 and 3 to 5; allowed: each"),
        (table()[:0], "found no rows"),
        (table().assign(expected_events=0), "found no expected events at an anchor"),
        (table([("leff", (0, 1))])[:-1], "found 71 rows; .* at each of 2 anchors, 72"),
    ],
)  # fmt: skip
def test_refused(tmp_path, rows, message):
    with pytest.raises(ConfigError, match=message):
        read_histogram(written(tmp_path, rows))


def test_a_result_says_its_unit(tmp_path):
    path = tmp_path / "mine.parquet"
    rows = table()
    write_parquet(rows, path, units=dict.fromkeys(rows.columns, "phd"), config_slice={})
    assert read_histogram(path).area_unit == "phd"
    assert read_histogram(written(tmp_path, rows)).area_unit == ""
