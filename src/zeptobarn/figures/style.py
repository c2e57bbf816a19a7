"""How figures look, and how they are written."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import fill
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from zeptobarn.support import exports
from zeptobarn.support.tables import whole

# Okabe and Ito's colours, told apart with every kind of colour vision.
BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, RED, PURPLE = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7",
)  # fmt: skip
INTERVAL_COLOURS = (BLUE, RED, GREEN, PURPLE, ORANGE, SKY)
INTERVAL_LINES = ("-", "--", "-.", ":")

_SETTINGS: Any = {
    "font.size": 9,
    "axes.titlesize": 9,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "axes.grid": False,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "lines.linewidth": 1.4,
    "pdf.fonttype": 42,
    "savefig.dpi": 200,
}


@contextmanager
def new_figure(width: float, height: float, files: Iterable[str | Path]) -> Iterator[Figure]:
    """Open a figure (inches); on leaving, it is written to files, whole or not at all.

    Same content, same bytes: dates stay out of the files.
    """
    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure
        for file in map(Path, files):
            metadata = {"CreationDate": None} if file.suffix == ".pdf" else None
            suffix = file.suffix[1:]
            with whole(file) as temporary:
                figure.savefig(temporary, format=suffix, metadata=metadata)
                exports.note(file, temporary)


def power_of_ten(value: float) -> str:
    r"""Write a number as a coefficient and a power of ten, for mathematical text.

    Examples
    --------
    >>> print(power_of_ten(1e-45), power_of_ten(2.5e-47))
    $10^{-45}$ $2.5\times10^{-47}$
    """
    coefficient, exponent = f"{value:.2e}".split("e")
    coefficient = f"{float(coefficient):g}"
    power = f"10^{{{int(exponent)}}}"
    return f"${power}$" if coefficient == "1" else rf"${coefficient}\times{power}$"


def interaction_label(interaction: str) -> str:
    """Name an interaction as text.

    Examples
    --------
    >>> interaction_label("SD_n_central"), interaction_label("SI_migdal")
    ('spin-dependent, neutron', 'spin-independent, Migdal effect')
    """
    kind, *rest = interaction.split("_")
    name = {"SI": "spin-independent", "SD": "spin-dependent"}[kind]
    return f"{name}, {_QUALIFIERS[rest[0]]}" if rest else name


_QUALIFIERS = {
    "n": "neutron",
    "p": "proton",
    "migdal": "Migdal effect",
    "bremsstrahlung": "bremsstrahlung",
}


def symbols(text: str) -> str:
    r"""Set the letters in words of `zeptobarn.study.labels` as mathematics.

    Examples
    --------
    >>> print(symbols("upper limit (q\u0303), Leff profiled"))
    upper limit ($\tilde{q}$), $L_\mathrm{eff}$ profiled
    """
    for letter, mathematical in _SYMBOLS.items():
        text = text.replace(letter, mathematical)
    return text


_SYMBOLS = {
    "Leff": r"$L_\mathrm{eff}$",
    "q\u0303": r"$\tilde{q}$",
    "t\u0303": r"$\tilde{t}$",
    "v₀": "$v_0$",
}


def draw_table(
    axis: Any, columns: Mapping[str, Sequence[str]], widths: Sequence[float], left: int
) -> None:
    """Fill axes with a table: a line below its head, one of its columns to the left.

    Parameters
    ----------
    columns
        Cells by head.
    widths
        Of the columns, as shares of the axes.
    left
        Number of the column that is set to the left; the others are set to the right.
    """
    axis.set_axis_off()
    drawn = axis.table(
        list(zip(*columns.values(), strict=True)),
        colLabels=list(columns),
        colWidths=widths,
        cellLoc="right",
        bbox=(0.02, 0, 0.96, 1),
    )
    drawn.auto_set_font_size(False)
    drawn.set_fontsize(8)
    for (row, column), cell in drawn.get_celld().items():
        cell.visible_edges = "B" if row == 0 else ""
        if column == left:
            cell.set_text_props(ha="left")


def set_title(figure: Figure, text: str) -> None:
    """Write words of `zeptobarn.study.labels` above a figure, in lines no wider than it."""
    figure.suptitle(wrapped(text, figure.get_figwidth(), 10), fontsize=10)


def wrapped(text: str, width: float, size: float = 9) -> str:
    """Break labels into lines of a width (inches) at a font's size (points).

    Lines that it has are kept; a number stays with its symbol and its unit.
    """
    most = max(int(width / _letter(size)), 10)
    held = re.sub(r"(?<==) | (?=[=%]|CL|km/s)|(?<=at) |(?<=\d) (?=GeV)", "\N{NO-BREAK SPACE}", text)
    lines = [fill(line, most, break_long_words=False) for line in held.split("\n")]
    return symbols("\n".join(lines).replace("\N{NO-BREAK SPACE}", " "))


def legend_columns(texts: Iterable[str], width: float, size: float, most: int = 2) -> int:
    """Give how many columns of a legend fit into a width (inches) at a font's size (points)."""
    plain = [re.sub(r"\$[^$]*\$", "xx", text) for text in texts]
    # With the line that is drawn before the words.
    letters = [6 + max(map(len, text.split("\n"))) for text in plain]
    for columns in range(most, 1, -1):
        rows = -(-len(letters) // columns)
        filled = [letters[i : i + rows] for i in range(0, len(letters), rows)]
        if sum(map(max, filled)) * _letter(size) <= width:
            return columns
    return 1


def _letter(size: float) -> float:
    """Mean width of a letter (inches) of a font's size (points): about half of it."""
    return 0.53 * size / 72
