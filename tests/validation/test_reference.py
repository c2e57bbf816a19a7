"""Profiled fits and limits of toys against `reference.Reference`, which is slow and independent."""

import numpy as np
import pytest

from reference import GRID, Reference, lowest
from zeptobarn.inference.asymptotics import one_sided
from zeptobarn.inference.load import make_model
from zeptobarn.templates.density import bin_index
from zeptobarn.templates.toys import throw

N_TOYS = 200


@pytest.fixture(scope="module", params=["xenon1t", pytest.param("lz", marks=pytest.mark.slow)])
def fitted(request, small_study, small_templates):
    """Toys of a detector with their profiled limits and the reference of each."""
    detector, mass = request.param, 50 if request.param == "xenon1t" else 10
    templates = small_templates[detector]
    toys = throw(small_study, detector, templates, range(1, N_TOYS + 1))
    model = make_model(small_study, detector, mass, "SI", small_templates)
    limits = model.interval_limits(toys, "profiled")
    space = small_study.detectors[detector].space
    fixed = [s.name for s in small_study.detectors[detector].sources if not s.free]
    references = []
    for (_, events), centre in zip(
        toys.events.groupby("trial"), toys.constraint_centres("leff"), strict=True
    ):
        bins = bin_index(space, events["cs1"].to_numpy(), events["cs2"].to_numpy())
        references.append(Reference(templates, f"wimp_SI_{mass}GeV", "er", fixed, bins, centre))
    return model, limits, references


def test_best_fit_is_nowhere_above_the_reference(fitted):
    model, limits, references = fitted
    worst = -np.inf
    for (_, row), reference in zip(limits.iterrows(), references, strict=True):
        mine = reference.minus2lnl(
            row["best_fit_rate_multiplier"] * model.signal_events,
            row["best_fit_er_rate"],
            row["best_fit_leff"],
        )
        worst = max(worst, mine.item() - reference.best()[0])
    assert worst < 0.01


def test_the_reference_misses_no_better_point_of_its_grid(fitted):
    for reference in fitted[2][:20]:
        everywhere = lowest(reference.best_at(GRID))
        assert reference.best() == pytest.approx(everywhere, abs=1e-6)


def test_statistic_at_the_limit_is_the_critical_value(fitted):
    model, limits, references = fitted
    critical = one_sided(model.study.confidence_level)
    for (_, row), reference in list(zip(limits.iterrows(), references, strict=True))[:40]:
        best = reference.minus2lnl(
            row["best_fit_rate_multiplier"] * model.signal_events,
            row["best_fit_er_rate"],
            row["best_fit_leff"],
        ).item()
        signal = row["limit_rate_multiplier"] * model.signal_events
        grid = np.append(np.arange(-2, 2.005, 0.02).round(10), np.arange(-2, 3))
        q = reference.statistic(signal, best, grid)
        assert q == pytest.approx(critical, abs=2e-3)
