import numpy as np
import pytest

from zeptobarn.support.streams import stream


def test_same_address_same_numbers():
    a, b = (stream(3, "toys", "lz", 7).random(5) for _ in range(2))
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "other", [(4, "toys", "lz", 7), (3, "toys", "lz", 8), (3, "toys", "l", "z", 7)]
)
def test_another_address_other_numbers(other):
    assert stream(3, "toys", "lz", 7).random() != stream(*other).random()


def test_streams_are_uncorrelated():
    numbers = np.array([stream(1, "response", i).standard_normal(2000) for i in range(40)])
    correlation = np.corrcoef(numbers)[np.triu_indices(40, 1)]
    # 780 pairs of width 1/√2000: none beyond five standard deviations.
    assert np.abs(correlation).max() < 5 / np.sqrt(2000)
    assert np.std(correlation) == pytest.approx(1 / np.sqrt(2000), rel=0.15)
