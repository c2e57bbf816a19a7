"""A text that cannot be drawn is found before a figure is."""

import pytest
from matplotlib.figure import Figure

from zeptobarn.support.mathtext import unreadable


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("CEνNS ⁸B", ""),
        ("a_b^c {d} \\frac 90 %", ""),
        ("CEνNS $^8$B, $E > 3$ keV", ""),
        (r"for \$5", ""),
        ("for $5", "a single $ begins a formula"),
        ("${x}", "a single $"),
        (r"$\nosuchthing$", "no formula that matplotlib can read"),
        ("a $$ b", "no formula"),
        ("$x$ $", "a single $"),
    ],
)
def test_texts(text, message):
    complaint = unreadable(text)
    assert message in complaint
    assert bool(complaint) == bool(message)
    if not message:
        figure = Figure()
        figure.suptitle(text)
        figure.draw_without_rendering()
