import numpy as np
import pytest
from numba.core.errors import TypingError

from zeptobarn.support.jit import kernel
from zeptobarn.support.simd import dot


@kernel()
def product(x, row, y, other, first, last):
    return dot(x, row, y, other, first, last)


@pytest.mark.parametrize("first", [0, 1, 2, 7])
@pytest.mark.parametrize("n", [0, 1, 3, 4, 5, 15, 16, 17, 63, 200])
def test_the_product_of_two_stretches(first, n):
    rng = np.random.default_rng(n)
    x, y = rng.normal(size=(3, 210)), rng.normal(size=(2, 211))
    expected = x[2, first : first + n] @ y[1, first : first + n]
    dot_product = product(x, 2, y, 1, first, first + n)
    assert dot_product == pytest.approx(expected, rel=1e-13, abs=1e-13)


def test_the_order_of_the_sum_is_written_down():
    """Sixteen sums, of every sixteenth product, and those of a rest behind them."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(2, 61)) * 10.0 ** rng.integers(-9, 9, size=(2, 61))
    products = x[0] * x[1]
    vectors = np.zeros((4, 4))
    for i in range(0, 48, 16):
        vectors += products[i : i + 16].reshape(4, 4)
    for i in range(48, 60, 4):
        vectors[0] += products[i : i + 4]
    four = (vectors[0] + vectors[1]) + (vectors[2] + vectors[3])
    expected = ((four[0] + four[1]) + (four[2] + four[3])) + products[60]
    assert product(x, 0, x, 1, 0, 61) == expected


def test_rows_that_are_not_contiguous_are_refused():
    x = np.ones((4, 4))
    with pytest.raises(TypingError, match="not contiguous"):
        product(x.T, 0, x, 0, 0, 4)
