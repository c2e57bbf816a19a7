import numpy as np
import pandas as pd
import pytest

from zeptobarn import medians
from zeptobarn.medians import central, limits_of_sampled_templates, nominal_model, spread_trials
from zeptobarn.model import make_model
from zeptobarn.spectra import spectrum
from zeptobarn.toys import throw


@pytest.fixture(scope="module")
def model(small_study, small_templates):
    return make_model(small_study, "lz", 10, "SI", small_templates)


@pytest.fixture(scope="module")
def toys(small_study, small_templates):
    return throw(small_study, "lz", small_templates["lz"], range(1, 21))


def test_nominal_model_gives_the_nominal_limits(model, toys):
    found = nominal_model(model).limits(toys)
    expected = model.interval_limits(toys, "leff_nominal")
    assert (found["limit_cm2"] == expected["limit_cm2"]).all()


def test_sampled_templates_scatter_around_each_datasets_own_limit(model, toys, small_study):
    sampled, precise = medians.sampled_and_precise(
        model, toys, spectrum(small_study, model.signal), n_templates=60
    )
    assert len(precise) == 20
    own = precise.set_index("trial")["limit_cm2"]
    found = sampled.groupby("trial")["limit_cm2"]
    assert (found.size() == 60).all()
    assert set(found.groups) == set(spread_trials(precise))
    # Around its own limit, and not that of the others: medians follow the datasets.
    assert np.log(found.median() / own).abs().max() < 0.35
    assert found.median().max() / found.median().min() > 1.7
    assert (found.std() / found.median()).between(0.03, 0.6).all()


def test_many_recoils_give_the_precise_limit(model, toys, small_study, monkeypatch):
    """Two ways to the same number: sampling, and folding with the response."""
    monkeypatch.setattr(medians, "N_RECOILS", 1_000_000)
    limits = limits_of_sampled_templates(
        nominal_model(model), toys, spectrum(small_study, model.signal), n_templates=1
    )
    expected = nominal_model(model).limits(toys)["limit_cm2"]
    assert limits["limit_cm2"].to_numpy() == pytest.approx(expected.to_numpy(), rel=0.05, abs=0)


def test_templates_do_not_depend_on_how_many_there_are(model, toys, small_study):
    some, more = (
        limits_of_sampled_templates(
            nominal_model(model), toys, spectrum(small_study, model.signal), n_templates=n
        )
        for n in (2, 4)
    )
    pd.testing.assert_frame_equal(some, more[more["template"] < 2])


def test_central():
    found = central(pd.Series([*range(101), np.nan]))
    assert found == {"low": 16, "median": 50, "high": 84}


def test_spread_trials():
    table = pd.DataFrame({"trial": range(10), "limit_cm2": np.arange(10)[::-1] + 1.0})
    assert spread_trials(table) == [8, 4, 0]
    assert spread_trials(table.assign(limit_cm2=np.nan)) == []
