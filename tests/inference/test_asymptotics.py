"""Asymptotic critical values."""

import numpy as np
import pytest
from scipy import stats

from zeptobarn.inference.asymptotics import cls, one_sided, two_sided, unified


def test_critical_values():
    assert one_sided(0.9) == pytest.approx(1.6424, abs=5e-5)
    assert one_sided(0.95) == pytest.approx(2.7055, abs=5e-5)
    assert one_sided(0.5) == one_sided(0.3) == 0
    assert two_sided(0.9) == pytest.approx(2.7055, abs=5e-5)


@pytest.mark.parametrize("level", [0.68, 0.9, 0.95])
@pytest.mark.parametrize("x", [0.05, 0.3, 0.9, 1.3, 1.7, 4.0])
def test_unified_against_a_bounded_gaussian_measurement(level, x):
    """The distribution of t̃ for a normal best fit cut off at 0, by brute force."""
    z = stats.norm.ppf((np.arange(400_000) + 0.5) / 400_000)
    best = x + z
    t = np.where(best > 0, (x - best) ** 2, x * x - 2 * x * best)
    assert unified(level, x) == pytest.approx(np.quantile(t, level), rel=2e-3)


@pytest.mark.parametrize("x", [0.8, 1.6, 4.0, 9.0])
def test_cls_is_the_ratio_of_p_values(x):
    z = stats.norm.ppf((np.arange(400_000) + 0.5) / 400_000)

    def q(best):
        return np.where(best > x, 0.0, np.where(best > 0, (x - best) ** 2, x * x - 2 * x * best))

    critical = cls(0.9, x)
    ratio = (q(x + z) >= critical).mean() / (q(z) >= critical).mean()
    assert ratio == pytest.approx(0.1, rel=0.05)
