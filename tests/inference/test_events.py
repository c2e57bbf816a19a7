"""One observation, sorted into bins: its livetime is a number of days."""

import numpy as np
import pandas as pd
import pytest

from zeptobarn.inference.events import sort_observed
from zeptobarn.study.loading import load_study
from zeptobarn.support.config import ConfigError

EVENT = pd.DataFrame({"cs1": [10.0], "cs2": [1000.0]})


@pytest.mark.parametrize(
    "livetime",
    [0, -1, np.nan, np.inf, 1e300, "20", [20], np.array([20.0]), np.array(20.0), None, True, 1j],
)
def test_livetimes_that_are_none(livetime):
    with pytest.raises(
        ConfigError, match=r"livetime_day: found .*; allowed: a number of days"
    ) as e:
        sort_observed(load_study(), {"xenon1t": EVENT}, {"xenon1t": livetime})
    assert len(str(e.value)) < 200


@pytest.mark.parametrize("livetime", [17.1, np.float64(17.1), np.float32(17.1), 20, np.int64(20)])
def test_livetimes(livetime):
    data, inside, _ = sort_observed(load_study(), {"xenon1t": EVENT}, {"xenon1t": livetime})
    assert inside == {"xenon1t": 1}
    assert data.exposure[0, 0] == pytest.approx(float(livetime) / 34.2)
