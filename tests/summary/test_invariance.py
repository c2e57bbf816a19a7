import numpy as np
import pandas as pd
import pytest

from zeptobarn.inference.load import make_model
from zeptobarn.summary.invariance import largest_differences, limits_by_generator, throw_with


@pytest.fixture(params=["xenon1t", "lz"])
def models(request, small_study, small_templates):
    return [
        make_model(small_study, request.param, mass, "SI", small_templates)
        for mass in small_study.masses_GeV
    ]


def as_bytes(table):
    """The content of a table, column after column."""
    return [(name, np.asarray(table[name], dtype=str).tobytes()) for name in table] + [
        table[name].to_numpy().tobytes() for name in table.select_dtypes("number")
    ]


def test_every_masss_model_throws_the_same_datasets(models):
    first, *others = (throw_with(model, range(1, 31))[model.target] for model in models)
    assert len(others) == 3
    for toys in others:
        assert as_bytes(toys.events) == as_bytes(first.events)
        assert as_bytes(toys.truth) == as_bytes(first.truth)


def test_limits_do_not_depend_on_the_mass_that_threw(models):
    limits = limits_by_generator(models, range(1, 16))
    assert len(limits) == 4 * 4 * 15
    assert limits["limit_cm2"].notna().all()
    assert (largest_differences(limits) == 0).all()
    by_generator = [
        rows["limit_cm2"].to_numpy() for _, rows in limits.groupby("generating_mass_GeV")
    ]
    assert all(rows.tobytes() == by_generator[0].tobytes() for rows in by_generator)


def test_differences_are_found():
    limits = pd.DataFrame(
        [(g, m, t, 1.0) for g in (7, 50) for m in (7, 50) for t in (1, 2)],
        columns=["generating_mass_GeV", "mass_GeV", "trial", "limit_cm2"],
    )
    changed = limits.copy()
    changed.loc[(limits["generating_mass_GeV"] == 50) & (limits["mass_GeV"] == 7), "limit_cm2"] = (
        1.5
    )
    assert largest_differences(changed).tolist() == [[0, 0], [0.5, 0]]
    changed.loc[changed.index[-1], "limit_cm2"] = np.nan
    assert np.isnan(largest_differences(changed)[1, 1])
