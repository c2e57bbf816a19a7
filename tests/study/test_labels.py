"""What limits claim, in words: of every kind of interval and of every treatment."""

import dataclasses
from itertools import product

import pytest

from zeptobarn.figures import style
from zeptobarn.physics.halo import HALOS
from zeptobarn.study import labels
from zeptobarn.study.loading import load_study
from zeptobarn.study.settings import Interval

CONFIG = load_study("config/config.yaml")


@pytest.mark.parametrize(
    ("interval", "words"),
    [
        (Interval("profiled", {}, ("g1",)), "upper limit (q̃), g1 profiled"),
        (Interval("leff_low", {"leff": 1.5}, ()), "upper limit (q̃), Leff at +1.5σ"),
        (Interval("leff_nominal", {"leff": -2}, ()), "upper limit (q̃), Leff at −2σ"),
        (Interval("x", {"leff": 0, "g1": 0}, (), cls=True), "CLs upper limit (q̃), Leff and g1 no"),
        (Interval("x", {}, ("leff",), "unified"), "unified interval (t̃), Leff profiled"),
        (Interval("x", {}, (), "central"), "central interval (t̃), no shape parameters"),
        (
            Interval("x", {"a": -1, "b": 1, "c": 0}, ("d", "leff", "e_f")),
            "upper limit (q̃), c nominal, a at −1σ, b at +1σ, d, Leff and e f profiled",
        ),
    ],
)
def test_an_interval_is_named_by_what_it_does(interval, words):
    assert labels.claim(interval).startswith(words)
    assert labels.claim(dataclasses.replace(interval, name="other")) == labels.claim(interval)


def test_only_upper_limits_are_called_so():
    for kind, cls in product(("upper", "unified", "central"), (False, True)):
        interval = Interval("a", {}, (), kind, cls)
        for words in (labels.statistic(interval), labels.upper_end(interval)):
            assert ("upper limit" in words) == (kind == "upper")
            assert ("q̃" in words) == (kind == "upper")


def test_what_sets_intervals_apart():
    upper, unified = (Interval(kind, {}, ("leff",), kind) for kind in ("upper", "unified"))
    fixed = Interval("fixed", {"leff": 0}, ())
    assert labels.apart([upper, fixed]) == ("upper limit (q̃)", ["Leff profiled", "Leff nominal"])
    quantity, names = labels.apart([upper, unified])
    assert "limit" not in quantity
    assert names == ["upper limit (q̃), Leff profiled", "unified interval (t̃), Leff profiled"]


@pytest.mark.parametrize(
    ("critical_values", "kinds", "words"),
    [
        ("asymptotic", ("upper", "central"), "nominal 95 % CL, asymptotic"),
        ("toys", ("upper", "unified"), "95 % CL, calibrated with toys"),
        ("toys", ("central",), "nominal 95 % CL, asymptotic"),
        ("toys", ("upper", "central"), "95 % CL, calibrated with toys (central: nominal, asympt"),
    ],
)
def test_where_critical_values_come_from(critical_values, kinds, words):
    study = dataclasses.replace(
        CONFIG,
        critical_values=critical_values,
        confidence_level=0.95,
        intervals=tuple(Interval(kind, {}, (), kind) for kind in kinds),
    )
    assert labels.study_level(study).startswith(words)
    assert labels.level(0.95, []) != "95 % CL"
    warned = "less often than their level" in labels.caption(study)
    assert warned == ("asymptotic" in words or "asympt" in labels.study_level(study))


@pytest.mark.parametrize("halo", HALOS)
def test_the_halo(halo):
    study = dataclasses.replace(CONFIG, halo=halo)
    words = f"v₀ = {HALOS[halo].v0_km_s} km/s"
    assert labels.halo(study) == words
    for text in (labels.caption(study), labels.nominal_claim(study), labels.conditions(study)):
        assert words in text
    assert labels.table_words(study)["conditions"].endswith(words)


def test_lines_keep_numbers_with_their_units():
    text = "upper limit (q̃), nominal 90 % CL, asymptotic; v₀ = 238 km/s, Leff at −2σ"
    for tenths in range(5, 60):
        lines = style.wrapped(text, tenths / 10).split("\n")
        assert " ".join(lines) == style.symbols(text)
        for held in ("90 % CL", "$v_0$ = 238 km/s", "at −2σ"):
            assert sum(held in line for line in lines) == 1


def test_legends_have_as_many_columns_as_fit():
    long = "long " * 12
    assert style.legend_columns(["short"] * 4, 5.6, 7) == 2
    assert style.legend_columns(["short"] * 6, 5.6, 7, 3) == 3
    assert style.legend_columns([long] * 4, 5.6, 7) == 1
    # Columns are filled one after the other, and each is as wide as its own words.
    assert style.legend_columns(["short"] * 2 + [long] * 2, 5.6, 7) == 2
    assert style.legend_columns(["short", long] * 2, 5.6, 7) == 1
    assert style.legend_columns([r"$\tilde{q}_{" + "x" * 90 + "}$"] * 4, 5.6, 7) == 2
