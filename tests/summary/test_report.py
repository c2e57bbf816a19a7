"""Tables of the report: what a page shows, and what it sorts by."""

import re

import numpy as np
import pandas as pd
import pytest

from zeptobarn.inference.load import make_model
from zeptobarn.summary.report import count_outcomes, show, write_page, write_table
from zeptobarn.support.tables import write_parquet
from zeptobarn.templates.toys import throw

UNITS = {"detector": "", "mass_GeV": "GeV/c²", "n_failed": "", "median_cm2": "cm²", "why": ""}
TABLE = pd.DataFrame(
    [
        ["lz", 6.5, 3, 1.23456789e-47, "a < b & c"],
        ["lz", 1000.0, 0, np.nan, None],
        ["xenon1t", 50.0, 12, np.inf, ""],
    ],
    columns=list(UNITS),
)


def cells(page):
    """Text and sort key of each cell of the body, by row."""
    body = page.split("<tbody>")[1].split("</tbody>")[0]
    return [
        [
            (text, key or None)
            for key, text in re.findall(
                r'<td(?: class="number")?(?: data-value="(.*?)")?>(.*?)<', row
            )
        ]
        for row in body.strip().splitlines()
    ]


@pytest.fixture
def page(tmp_path):
    path = tmp_path / "table.html"
    write_table(TABLE, UNITS, "Title & more", "What <it> says.", path)
    assert list(tmp_path.iterdir()) == [path]
    return path.read_text(encoding="utf-8")


def test_cells(page):
    assert cells(page) == [
        [
            ("lz", "lz"),
            ("6.5", "6.5"),
            ("3", "3"),
            ("1.235e-47", "1.23456789e-47"),
            ("a &lt; b &amp; c", "a &lt; b &amp; c"),
        ],
        [("lz", "lz"), ("1000", "1000.0"), ("0", "0"), ("–", None), ("–", None)],
        [("xenon1t", "xenon1t"), ("50", "50.0"), ("12", "12"), ("∞", "Infinity"), ("", None)],
    ]


def test_header_has_units_and_knows_numbers(page):
    head = page.split("<thead>")[1].split("</thead>")[0].replace("<wbr>", "")
    headings = re.findall(r'<th( class="number")? scope="col"><button>(.*?)</button>', head)
    assert [(text, bool(number)) for number, text in headings] == [
        ("detector", False),
        ("mass <small>[GeV/c²]</small>", True),
        ("n_failed", True),
        ("median <small>[cm²]</small>", True),
        ("why", False),
    ]


def test_text_is_escaped_and_nothing_is_fetched(page):
    assert "<h1>Title &amp; more</h1>" in page
    assert "<p>What &lt;it&gt; says.</p>" in page
    assert not re.search(r"https?:|src=|href=|@import|url\(", page)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-np.inf, "−∞"),
        (0.0123456, "0.01235"),
        (123456.7, "1.235e+05"),
        (1e12, "1.000e+12"),
        (np.int64(1000), "1000"),
        (True, "True"),
    ],
)
def test_show(value, text):
    assert show(value) == text


def test_a_page_holds_the_result_file(tmp_path):
    write_parquet(TABLE, tmp_path / "t.parquet", units=UNITS, config_slice={})
    write_page(tmp_path / "t.parquet", "Title & more", "What <it> says.", tmp_path / "a.html")
    write_table(TABLE, UNITS, "Title & more", "What <it> says.", tmp_path / "b.html")
    assert (tmp_path / "a.html").read_text() == (tmp_path / "b.html").read_text()


def test_outcomes_count_every_trial(small_study, small_templates):
    toys = throw(small_study, "lz", small_templates["lz"], range(1, 11))
    limits = make_model(small_study, "lz", 50, "SI", small_templates).limits(toys)
    failed = (limits["interval"] == "profiled") & (limits["trial"] <= 3)
    limits.loc[failed, "status"] = "not_converged"
    limits.loc[failed, "message"] = [f"message of trial {trial}" for trial in (1, 2, 3)]
    counts = count_outcomes([limits[:17], limits[17:]]).set_index(["interval", "status"])
    assert counts["n_trials"].sum() == len(limits) == 30
    assert counts["n_trials"]["profiled", "not_converged"] == 3
    assert counts["message"]["profiled", "not_converged"] == "message of trial 1"
    assert counts["n_trials"]["leff_nominal"].sum() == 10
