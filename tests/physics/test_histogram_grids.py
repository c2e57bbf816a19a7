"""Templates in HDF5 and ROOT: which histogram, which axis is which, and what is refused."""

import re
import sys
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import uproot

from gridfiles import WRITERS, th2, write_hdf5
from zeptobarn.physics.detector import AnalysisSpace
from zeptobarn.physics.histogram import rebinned
from zeptobarn.physics.histogram_files import read_histogram
from zeptobarn.support.config import ConfigError

CS1, CS2 = np.linspace(3, 15, 7), np.geomspace(100, 6400, 7)
AXES = ("cs1", "cs2")
rng = np.random.default_rng(1)
CONTENTS, VARIANCES = rng.exponential(size=(2, 6, 6))
both = pytest.mark.parametrize("kind", list(WRITERS))


def written(tmp_path, kind, histograms=None, edges=(CS1, CS2), axes=AXES, variances=None):
    path = tmp_path / f"mine.{kind}"
    return WRITERS[kind](path, histograms or {"er": CONTENTS}, edges, axes, variances)


@both
def test_contents_edges_and_variances_to_the_last_bit(tmp_path, kind):
    path = written(
        tmp_path, kind, {"nr": CONTENTS, "er": 2 * CONTENTS}, variances={"nr": VARIANCES}
    )
    found = read_histogram(path, "nr")
    assert (found.shapes, found.anchors.shape) == ((), (1, 0))
    assert (found.area_unit, found.s2_array) == ("", "")
    np.testing.assert_array_equal(found.cs1_edges, CS1)
    np.testing.assert_array_equal(found.cs2_edges, CS2)
    np.testing.assert_array_equal(found.expected, CONTENTS[np.newaxis])
    np.testing.assert_array_equal(found.variance, VARIANCES[np.newaxis])
    other = read_histogram(path, "er")
    np.testing.assert_array_equal(other.expected, 2 * CONTENTS[np.newaxis])
    assert not other.variance.any()


@pytest.mark.parametrize(
    ("axes", "undone", "unit", "array"),
    [
        (("cs2", "cs1"), None, "", ""),
        (("log10_cS2", "cS1"), np.log10, "", ""),
        (("s1c_phd", "ln s2c [phd]"), np.log, "phd", ""),
        (("cS1 [PE]", "log10(cS2_bottom)"), np.log10, "PE", "bottom"),
    ],
)
def test_axes_are_told_by_their_names(tmp_path, axes, undone, unit, array):
    """Whatever their order and their logarithm, the bins of the space are found again."""
    cs2 = CS2 if undone is None else undone(CS2)
    first = axes[0] in ("cs2", "log10_cS2")
    edges, contents, variances = (
        ((cs2, CS1), CONTENTS.T, VARIANCES.T) if first else ((CS1, cs2), CONTENTS, VARIANCES)
    )
    path = written(tmp_path, "root", {"er": contents}, edges, axes, {"er": variances})
    found = read_histogram(path, "er")
    assert (found.area_unit, found.s2_array) == (unit, array)
    expected, variance = rebinned(found, AnalysisSpace(CS1, CS2), "here")
    np.testing.assert_array_equal(expected, CONTENTS.reshape(1, -1))
    np.testing.assert_array_equal(variance, VARIANCES.reshape(1, -1))
    coarse, _ = rebinned(found, AnalysisSpace(CS1[::2], CS2[::3]), "here")
    by_hand = CONTENTS.reshape(3, 2, 2, 3).sum(axis=(1, 3)).ravel()
    np.testing.assert_allclose(coarse[0], by_hand, rtol=1e-13)


@both
def test_a_histogram_for_each_anchor(tmp_path, kind):
    """Names hold the values of shape parameters, as alea's do; others are no anchors."""
    values = {"er_-1.50_g0": (-1.5, 0), "er_2_g0": (2, 0), "er_2_g1e-1": (2, 0.1), "er_x_g0": None}
    histograms = {name: (k + 1) * CONTENTS for k, name in enumerate(values)}
    found = read_histogram(written(tmp_path, kind, histograms), "er_{leff}_g{g1}")
    assert found.shapes == ("leff", "g1")
    assert found.expected.shape == (3, 6, 6)
    for anchor, contents in zip(found.anchors, found.expected, strict=True):
        (name,) = [name for name, value in values.items() if value == tuple(anchor)]
        np.testing.assert_array_equal(contents, histograms[name])


def test_other_layouts_of_root(tmp_path):
    """A directory, contents in single precision, equal bins, a title as TLatex has it."""
    path = tmp_path / "mine.root"
    equal = (np.linspace(3, 15, 7), np.linspace(2, 3.8, 7))
    axes = ("cS1", "log_{10}(cS2_{b} [PE])")
    histogram = th2(CONTENTS, equal, axes, kind=np.float32, equal=True)
    with uproot.recreate(path) as file:
        file["run1/er"] = histogram
    found = read_histogram(path, "run1/er")
    np.testing.assert_array_equal(found.expected[0], CONTENTS.astype(np.float32))
    np.testing.assert_allclose(found.cs1_edges, equal[0], rtol=1e-15)
    np.testing.assert_allclose(found.cs2_edges, 10 ** equal[1], rtol=1e-14)
    assert (found.area_unit, found.s2_array) == ("PE", "bottom")


def with_(bin_value):
    contents = CONTENTS.copy()
    contents[2, 3] = bin_value
    return contents


@pytest.mark.parametrize(
    ("changes", "name", "message"),
    [
        ({}, None, "found no key histogram; allowed: one of the file's, 'er'"),
        ({}, "nr", "found histogram: nr; allowed: one of the file's, 'er'"),
        ({}, "er_{leff}", r"found histogram: er_\{leff\}; allowed: one of the file's, 'er'"),
        ({}, "e{}r", r"found histogram: e\{\}r; allowed in braces: names of shape parameters"),
        ({}, "{a}{a}", "allowed in braces: names of shape parameters, each once"),
        ({"histograms": {"er": with_(-1)}}, "er", r"'er': bin \(2, 3\): found the content -1; all"),
        ({"histograms": {"er": with_(np.nan)}}, "er", r"bin \(2, 3\): found the content nan"),
        ({"histograms": {"er": with_(np.inf)}}, "er", r"bin \(2, 3\): found the content inf"),
        ({"histograms": {"er": 0 * CONTENTS}}, "er", "'er': found no expected events; allowed: s"),
        ({"variances": {"er": with_(-2)}}, "er", r"bin \(2, 3\): found the variance -2"),
        ({"axes": ("x", "cs2")}, "er", "found axes named 'x', 'cs2'; allowed: one that is cS1"),
        ({"axes": ("", "")}, "er", "found axes named '', ''; allowed"),
        ({"axes": ("cs1", "cs1")}, "er", "found axes named 'cs1', 'cs1'; allowed"),
        ({"axes": ("cs1", "logcs2")}, "er", "'logcs2', a logarithm whose base .* as in log10_cs2"),
        ({"axes": ("cs1_top", "cs2")}, "er", "found the axis 'cs1_top', light of some of the"),
        ({"axes": ("cs1_pe", "cs2_phd")}, "er", "'cs1_pe', 'cs2_phd' in two units; allowed: one"),
        ({"edges": (CS1, CS2 * np.nan)}, "er", "axis 'cs2': found the edge nan at 0; allowed: fin"),
        ({"edges": (CS1[[0, 2, 1, 3, 4, 5, 6]], CS2)}, "er", "axis 'cs1': found the edge 5 at 2"),
        ({"histograms": {"e1": CONTENTS, "e1.0": CONTENTS}}, "e{a}", r"'e1', 'e1.0'; allowed: one"),
    ],
)  # fmt: skip
def test_refused(tmp_path, changes, name, message):
    path = written(tmp_path, "root", **changes)
    with pytest.raises(ConfigError, match=message) as caught:
        read_histogram(path, name)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@both
@pytest.mark.parametrize("axes", [1, 3])
def test_other_numbers_of_axes_are_refused(tmp_path, kind, axes):
    contents, edges = np.ones((6,) * axes), [CS1] * axes
    path = tmp_path / "mine"
    if kind == "hdf5":
        write_hdf5(path, {"er": contents}, edges, ["cs1", "cs2", "r"][:axes])
    else:
        with uproot.recreate(path) as file:
            file["er"] = (contents, *edges)
    with pytest.raises(ConfigError, match=f"'er': found a histogram of {axes} axes; allowed: 2"):
        read_histogram(path, "er")


def test_root_histograms_that_are_no_th2(tmp_path):
    path = tmp_path / "mine.root"
    with uproot.recreate(path) as file:
        file["text"] = "of no use"
    with pytest.raises(
        ConfigError, match=r"found histogram: er; .* one of the file's, which has no"
    ):
        read_histogram(path, "er")


def test_anchors_of_other_axes_are_refused(tmp_path):
    for name, edges, axes, message in (
        (
            "a",
            (CS1 + 1, CS2),
            AXES,
            r"'cs1': found 6 bins from 3 to 15 .* and 6 bins from 4 to 16 ",
        ),
        ("b", (CS1, CS2), ("cs1_pe", "cs2"), "found axes 'cs1', 'cs2' in 'e0' and 'cs1_pe', 'cs2'"),
    ):
        path = tmp_path / f"{name}.root"
        with uproot.recreate(path) as file:
            file["e0"], file["e1"] = th2(CONTENTS, (CS1, CS2), AXES), th2(CONTENTS, edges, axes)
        with pytest.raises(ConfigError, match=message):
            read_histogram(path, "e{leff}")


@both
def test_cut_off_files_are_refused(tmp_path, kind):
    path = written(tmp_path, kind, variances={"er": VARIANCES})
    content = path.read_bytes()
    for share in (0.01, 0.5, 0.9):
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(
            ConfigError, match=r"not readable as .*, cut off or damaged: "
        ) as caught:
            read_histogram(path, "er")
        assert "\n" not in str(caught.value)


def test_a_library_that_is_not_there(tmp_path, monkeypatch):
    for kind, library in (("hdf5", "h5py"), ("root", "uproot")):
        path = written(tmp_path, kind)
        monkeypatch.setitem(sys.modules, library, None)
        with pytest.raises(ConfigError, match=rf"{library} .* pip install 'zeptobarn\[{kind}\]'"):
            read_histogram(path, "er")


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n", b"a,b\n1,2\n", b"PAR1"])
def test_files_of_another_kind_are_refused(tmp_path, content):
    path = tmp_path / "mine.h5"
    path.write_bytes(content)
    with pytest.raises(
        ConfigError, match=r"mine.h5: found a file that is neither HDF5 nor ROOT, a"
    ):
        read_histogram(path, "er")
    with pytest.raises(ConfigError, match="found a folder; allowed: regular files"):
        read_histogram(tmp_path, "er")


def change_hdf5(path, change):
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def _external(file):
    del file["bins/1"]
    file["bins/1"] = h5py.ExternalLink("other.h5", "bins/1")


def _raw_elsewhere(file):
    del file["templates/er"]
    file.create_dataset("templates/er", (6, 6), float, external=[("raw", 0, 288)])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.pop("bins"), "found 'templates'; allowed: edges in bins/0 and bins/1, and"),
        (lambda f: f["bins"].pop("1"), "found 6 bins along axis 1, and in bins/1 none; allowed: 7"),
        (_external, "found 6 bins along axis 1, and in bins/1 none; allowed: 7 edges"),
        (lambda f: f["templates/er"].write_direct(-CONTENTS), r"'er': bin \(0, 0\): found the con"),
        (_raw_elsewhere, "templates/er: found values in another file; allowed: in this one"),
        (lambda f: f.move("templates/er", "templates/other"), "one of the file's, 'other'"),
        (lambda f: f.create_dataset("variances/er", data=[1.0]), r"variances of the shape \(1,\)"),
        (lambda f: f.create_dataset("variances/er", (9**9,), "f8"), "found 387420489 values; allo"),
        (lambda f: f.create_dataset("variances/er", data=b"x"), "values of type .*; allowed: n"),
    ],
)  # fmt: skip
def test_other_layouts_of_hdf5_are_refused(tmp_path, change, message):
    path = change_hdf5(written(tmp_path, "hdf5"), lambda file: change(file) and None)
    with pytest.raises(ConfigError, match=message) as caught:
        read_histogram(path, "er")
    assert str(caught.value).startswith(str(path))


def test_a_file_that_holds_its_reader_is_refused(tmp_path, monkeypatch):
    """HDF5 runs in circles where the free space behind a file's texts has the length 0."""
    path = write_hdf5(tmp_path / "mine.h5", {"er": CONTENTS}, (CS1, CS2), AXES)
    content = bytearray(path.read_bytes())
    free = content.index(b"GCOL") + 16 + 3 * 24  # a version and two names of axes before it
    content[free + 8 : free + 16] = bytes(8)
    path.write_bytes(content)
    monkeypatch.setattr("zeptobarn.support.hdf5._LONGEST_S", 1)
    with pytest.raises(
        ConfigError, match=r"not readable as HDF5, .* it would take longer than 1 s"
    ):
        read_histogram(path, "er")


def test_examples_of_the_page(tmp_path, monkeypatch):
    """Those of docs/backgrounds.md: alea's files made one, an export as HDF5, and a table."""
    page = Path("docs/backgrounds.md").read_text("utf-8")
    merge, export, table = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    for value in range(-2, 3):
        histograms = {"er_template": (value + 3) * CONTENTS}
        write_hdf5(f"er_template_{value}.h5", histograms, (CS1, CS2), AXES)
    exec(merge, {})
    found = read_histogram("er.h5", "er_{leff}")
    assert sorted(found.anchors[:, 0]) == [-2, -1, 0, 1, 2]
    for (value,), contents in zip(found.anchors, found.expected, strict=True):
        np.testing.assert_array_equal(contents, (value + 3) * CONTENTS)
    exec(table, {"edges1": CS1, "edges2": CS2, "histogram": CONTENTS})
    given = read_histogram("accidental.csv")
    np.testing.assert_array_equal(given.expected[0], CONTENTS)
    results = tmp_path / "results/templates/xenon1t"
    results.mkdir(parents=True)
    rows = pd.read_csv("accidental.csv", dtype=str).astype(float)
    rows.assign(variance=VARIANCES.ravel()).to_parquet(results / "wall.parquet")
    exec(export, {})
    again = read_histogram("wall.h5", "wall")
    for name, value in (("expected", CONTENTS), ("variance", VARIANCES)):
        np.testing.assert_array_equal(getattr(again, name)[0], value)
    np.testing.assert_array_equal(again.cs1_edges, CS1)
    np.testing.assert_array_equal(again.cs2_edges, CS2)
    assert (again.area_unit, again.s2_array) == ("PE", "bottom")
