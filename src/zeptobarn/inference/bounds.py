"""Bounds of ln L by its tangents, which rule out cells and signals that need no look.

At a given signal the logarithm lies below its tangents, so that for any y > 0 the events' Σ w ln D
is at most Σ [w ln(w/y) − w + y D] (Fenchel's inequality), and what is on the right is linear in the
densities D as these are in the rates, and along the shapes from anchor to anchor. With y = w/D at
the maximum of one cell the sides are equal there: see `rule_out`.
"""

from math import inf, log, sqrt

from zeptobarn.inference.likelihood import tangents
from zeptobarn.inference.newton import Scratch, follow, recall_best
from zeptobarn.inference.terms import LOG_NORMAL, NORMAL, UNCONSTRAINED, UNIFORM, Terms
from zeptobarn.support.jit import Floats, Ints, inner_kernel

# A cell that cannot hold more than this above the best ln L is not looked at.
_NOTHING = 1e-7
# How far ahead a second tangent is drawn, over where the steepest rise is used up.
_AHEAD = 1.3


@inner_kernel(_nrt=False)
def rule_out(
    terms: Terms, signal: float, value: float, theta: Floats, cell: Ints, scratch: Scratch
) -> None:
    """Mark the cells as done where no ln L lies above ``value``, by one look at the events.

    The signal's rate is held, and there is a shape. Whether no higher rate has a higher ln L
    lands in ``scratch.falls``. Where a free background depends on a shape, or a constraint is
    log-normal, or some are correlated, nothing is shown.

    Parameters
    ----------
    value
        The highest ln L known at this signal.
    theta, cell
        A point, best that of ``value``: the closer, the more is shown.
    """
    touch(terms, theta, cell, scratch, False)
    ruled_out(terms, signal, value, scratch)


@inner_kernel(_nrt=False)
def ruled_out(terms: Terms, signal: float, value: float, scratch: Scratch) -> bool:
    """Mark what the last tangent shows, see `rule_out`; whether no cell is left."""
    s = scratch
    bound, share, all_done = s.tangent[0], s.tangent[1], True
    s.falls[0] = bound < inf
    if not bound < inf:
        return False
    for number in range(len(s.done)):
        place(terms.cells, number, s.cell)
        above, steepest = _above(terms, signal, share, s.cell, s)
        if bound + above <= value + _NOTHING:
            s.done[number] = True
        else:
            s.falls[0] = False
        if steepest > 0.0:
            s.falls[0] = False
        all_done = all_done and s.done[number]
    return all_done


@inner_kernel(_nrt=False)
def rule_out_free(terms: Terms, value: float, theta: Floats, cell: Ints, scratch: Scratch) -> None:
    """Mark the cells as done where no ln L lies above ``value``, whatever the signal.

    Along the signal the bound from one point is convex: it is below ``value`` in between, where it
    is so at two signals. One from the best fit serves the signals up to a middle, and one from a
    signal that is further serves those beyond, if it falls there. It comes to fall, as a rule,
    where the steepest rise of the first bound is used up by the curvature of ln L; and its own
    cell's line is at ``value`` again in the middle.

    Parameters
    ----------
    value, theta, cell
        The highest ln L known, and its point; that of `recall_best`.
    """
    s = scratch
    recall_best(s)
    size, rates = len(theta), len(theta) - len(cell)
    gain, slope, curvature = follow(theta, rates, s)
    touch(terms, theta, cell, s, True)
    bound, share = s.tangent[0], s.tangent[1]
    left, rise = False, 0.0
    for number in range(len(s.done)):
        place(terms.cells, number, s.cell)
        above, steepest = _above(terms, 0.0, share, s.cell, s)
        below = bound + above <= value + _NOTHING
        s.low[number] = below
        if below and steepest <= 0.0:
            s.done[number] = True
        elif below and not s.done[number]:
            left, rise = True, max(rise, steepest)
    if not (left and gain < inf and curvature > 0.0):
        return
    distance = min(max(_AHEAD * rise / curvature, 0.5 / sqrt(curvature)), 3.0 / sqrt(curvature))
    middle = theta[0] + 0.5 * distance * distance / (distance - min(slope, 0.0) / curvature)
    left = False
    for number in range(len(s.done)):
        if s.low[number] and not s.done[number]:
            place(terms.cells, number, s.cell)
            above, _ = _above(terms, middle, share, s.cell, s)
            s.low[number] = bound + above <= value + _NOTHING
            left = left or s.low[number]
    if not left:
        return
    s.theta[0] = theta[0] + distance
    for p in range(1, size):
        to = max(theta[p] + s.response[p] * distance, 0.0)
        s.theta[p] = to if p < rates else min(to, 1.0)
    touch(terms, s.theta, cell, s, True)
    bound, share = s.tangent[0], s.tangent[1]
    for number in range(len(s.done)):
        if s.low[number] and not s.done[number]:
            place(terms.cells, number, s.cell)
            above, steepest = _above(terms, middle, share, s.cell, s)
            s.done[number] = bound + above <= value + _NOTHING and steepest <= 0.0


@inner_kernel(_nrt=False)
def ceiling(terms: Terms, signal: float, scratch: Scratch) -> float:
    """Give what ln L at a signal does not exceed, by the tangent that was drawn last.

    It is a convex function of the signal; infinity where there is no tangent.
    """
    s = scratch
    bound, share = s.tangent[0], s.tangent[1]
    if not bound < inf:
        return inf
    highest = -inf
    if len(s.cell) == 0:
        highest, _ = _linear(terms, signal, share, s.cell, 0, s)
    else:
        for number in range(len(s.done)):
            place(terms.cells, number, s.cell)
            above, _ = _above(terms, signal, share, s.cell, s)
            highest = max(highest, above)
    return float(bound + highest)


@inner_kernel(_nrt=False)
def touch(terms: Terms, theta: Floats, cell: Ints, scratch: Scratch, loose: bool) -> None:
    """Bound ln L everywhere by its tangent at a point, and keep that.

    In ``scratch.tangent`` lands what of the bound depends neither on the shapes nor on the signal,
    infinity where there is none; and a factor for `_above`. A loose one is quicker, and need not
    touch ln L.
    """
    s = scratch
    rates = len(theta) - len(cell)
    s.tangent[0], s.tangent[1] = inf, 1.0
    if terms.constraints.shape[1] > 2:
        return
    # Of each free background: what pulls its rate up, and what it expects.
    up, down = s.up, s.down
    for p in range(rates):
        up[p] = down[p] = 0.0
        if terms.constraints[p, 0] == LOG_NORMAL:
            return
    for k in range(len(terms.sources)):
        if terms.sources[k, 1] > 0:
            for p in range(3, terms.sources.shape[1]):
                if terms.sources[k, p] > 0:
                    return
    logarithms, events = tangents(terms, cell, theta, s.pulls, s.work, loose)
    if not logarithms > -inf:
        return
    for k in range(len(terms.sources)):
        free, row = terms.sources[k, 1], terms.sources[k, 2]
        if free > 0:
            up[free] += s.pulls[row]
            down[free] += terms.exposure[terms.sources[k, 0]] * terms.expected[row]
    share = _share(terms, theta, rates, up, down)
    if not share > 0.0:
        return
    bound = logarithms - events * (1.0 + log(share))
    for p in range(1, rates):
        if terms.constraints[p, 0] == NORMAL:
            bound += _highest(0.0, share * up[p] - down[p], 0.0, inf, terms, p)
    s.tangent[0], s.tangent[1] = bound, share


@inner_kernel(inline="always")
def _share(terms: Terms, theta: Floats, rates: int, up: Floats, down: Floats) -> float:
    """Factor on w/D which makes y of it: no unconstrained background gains by a higher rate.

    It is 1 at a maximum. A little beside one, a factor that leaves a rate no slope costs less of
    the bound than its slope does.
    """
    share = inf
    for p in range(1, rates):
        if terms.constraints[p, 0] == UNCONSTRAINED and theta[p] > 0.0 and up[p] > 0.0:
            share = min(share, down[p] / up[p])
    if share > 1.01:
        share = 1.0
    for p in range(1, rates):
        if terms.constraints[p, 0] == UNCONSTRAINED and share * up[p] > down[p]:
            share = down[p] / up[p]
    return share


@inner_kernel(_nrt=False)
def _above(
    terms: Terms, signal: float, share: float, cell: Ints, scratch: Scratch
) -> tuple[float, float]:
    """Highest value in a cell of the part of the bound that depends on the shapes.

    It is a multilinear function plus the shapes' constraints. Along the first shape its maximum
    is exact; along the others a constraint lies above its chord by at most h²/8 (in ln L), with h
    the cell's length in widths of the constraint, and what is multilinear is highest at a corner.

    Returns
    -------
    That value, and the steepest rise of the bound with the signal at a corner.
    """
    shapes = len(cell)
    rates = len(terms.centres) - shapes
    highest, steepest = -inf, -inf
    for corner in range(0, 1 << shapes, 2):
        low, rise = _linear(terms, signal, share, cell, corner, scratch)
        steepest = max(steepest, rise)
        high, rise = _linear(terms, signal, share, cell, corner + 1, scratch)
        steepest = max(steepest, rise)
        left, right = terms.anchors[0, cell[0]], terms.anchors[0, cell[0] + 1]
        slope = (high - low) / (right - left)
        on_edge = _highest(low - slope * left, slope, left, right, terms, rates)
        for p in range(1, shapes):
            at = terms.anchors[p, cell[p] + ((corner >> p) & 1)]
            on_edge += _highest(0.0, 0.0, at, at, terms, rates + p)
            if terms.constraints[rates + p, 0] == NORMAL:
                length = terms.anchors[p, cell[p] + 1] - terms.anchors[p, cell[p]]
                on_edge += 0.125 * (length / terms.constraints[rates + p, 1]) ** 2
        highest = max(highest, on_edge)
    return highest, steepest


@inner_kernel(inline="always")
def _highest(
    offset: float, slope: float, low: float, high: float, terms: Terms, parameter: int
) -> float:
    """Maximum between two values of a parameter of a straight line plus its constraint."""
    if terms.constraints[parameter, 0] <= UNIFORM:
        return offset + max(slope * low, slope * high)
    centre, width = terms.centres[parameter], terms.constraints[parameter, 1]
    at = min(max(centre + width * width * slope, low), high)
    pull = (at - centre) / width
    return float(offset + slope * at - 0.5 * pull * pull)


@inner_kernel(inline="always")
def _linear(
    terms: Terms, signal: float, share: float, cell: Ints, corner: int, scratch: Scratch
) -> tuple[float, float]:
    """Σ y D less the expected events at a corner of a cell, free backgrounds left out.

    Also, how it rises with the signal.
    """
    constant, rise = 0.0, 0.0
    for k in range(len(terms.sources)):
        free, row = terms.sources[k, 1], terms.sources[k, 2]
        if free > 0:
            continue
        for p in range(len(cell)):
            row += terms.sources[k, 3 + p] * (cell[p] + ((corner >> p) & 1))
        part = share * scratch.pulls[row]
        part -= terms.exposure[terms.sources[k, 0]] * terms.expected[row]
        if free == 0:
            rise += part
        else:
            constant += part
    return constant + signal * rise, rise


@inner_kernel(inline="always")
def place(cells: Ints, number: int, cell: Ints) -> None:
    """Inverse of `cell_number`."""
    for p in range(len(cells) - 1, -1, -1):
        cell[p] = number % cells[p]
        number //= cells[p]
