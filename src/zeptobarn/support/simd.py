"""A product of two rows in vectors of four, for kernels.

A compiler makes vectors of a sum only if it may reorder it (fastmath), and then in another order
in a fresh compilation than from its cache: other last digits. Here the order is written down.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic

from zeptobarn.support.jit import Floats

_DOUBLE, _VECTOR = ir.DoubleType(), ir.VectorType(ir.DoubleType(), 4)


def _dot(_: Any, x: Any, row: Any, y: Any, other: Any, first: Any, last: Any) -> Any:
    """Σ x[row, i] y[other, i] from the first i to before the last: four vectors side by side.

    The arrays are contiguous and of two dimensions; no index may be negative.
    """
    if x.layout != "C" or y.layout != "C":
        raise TypingError("dot: an array is not contiguous")
    return types.float64(x, types.intp, y, types.intp, types.intp, types.intp), _build


def _interpreted(x: Floats, row: int, y: Floats, other: int, first: int, last: int) -> float:
    return float(x[row, first:last] @ y[other, first:last])


dot: Callable[[Floats, int, Floats, int, int, int], float] = (
    _interpreted if numba.config.DISABLE_JIT else intrinsic(_dot)  # type: ignore[assignment,attr-defined]
)


def _build(context: Any, builder: Any, signature: Any, given: Any) -> Any:
    first, last = given[4:]
    integer = first.type
    starts = []
    for k in (0, 2):
        array = context.make_array(signature.args[k])(context, builder, given[k])
        stride = builder.extract_value(array.strides, 0)
        address = builder.ptrtoint(array.data, integer)
        address = builder.add(address, builder.mul(given[k + 1], stride))
        address = builder.add(address, builder.mul(first, integer(8)))
        starts.append(builder.inttoptr(address, _DOUBLE.as_pointer()))

    def add(total: Any, at: Any, kind: Any) -> None:
        pointers = [builder.gep(start, [at]) for start in starts]
        if kind is _VECTOR:
            pointers = [builder.bitcast(pointer, _VECTOR.as_pointer()) for pointer in pointers]
        product = builder.fmul(*(builder.load(pointer, align=8) for pointer in pointers))
        builder.store(builder.fadd(builder.load(total), product), total)

    nothing = ir.Constant(_VECTOR, [0.0] * 4)
    rest, *sums = map(partial(cgutils.alloca_once_value, builder), [_DOUBLE(0.0), *4 * [nothing]])
    count, done = builder.sub(last, first), integer(0)
    # Sixteen at a time, four at a time, and the last ones one by one.
    for width in (16, 4, 1):
        left = builder.srem(builder.sub(count, done), integer(width))
        stop = builder.sub(count, left)
        with cgutils.for_range_slice(builder, done, stop, integer(width)) as (at, _):
            for k in range(width // 4):
                add(sums[k], builder.add(at, integer(4 * k)), _VECTOR)
            if width == 1:
                add(rest, at, _DOUBLE)
        done = stop
    a, b, c, d = map(builder.load, sums)
    four = builder.fadd(builder.fadd(a, b), builder.fadd(c, d))
    p, q, r, s = (builder.extract_element(four, ir.IntType(32)(k)) for k in range(4))
    pairs = builder.fadd(builder.fadd(p, q), builder.fadd(r, s))
    return builder.fadd(pairs, builder.load(rest))
