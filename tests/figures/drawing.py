"""Drawing in tests: twice, to compare the files, or once, to look at the figure itself."""

from contextlib import contextmanager
from unittest import mock

import numpy as np
from matplotlib.figure import Figure
from matplotlib.text import Text

from zeptobarn.figures import style


@contextmanager
def coarse(dots_per_inch):
    """Write the figures with fewer dots than those for people."""
    with mock.patch.dict(style._SETTINGS, {"savefig.dpi": dots_per_inch}):
        yield


def draw_twice(tmp_path, draw):
    """Draw into two folders: the same files with the same bytes, and no others."""
    folders = []
    for name in ("one", "two"):
        files = [tmp_path / name / f"figure.{suffix}" for suffix in ("png", "pdf")]
        with coarse(50):
            draw(files)
        folders.append(files)
    for one, two in zip(*folders, strict=True):
        assert one.read_bytes() == two.read_bytes()
        assert len(list(one.parent.iterdir())) == 2


def draw_and_keep(draw):
    """Draw into no file; give the figure, as it was laid out."""
    kept = []

    def keeping(*arguments, **named):
        kept.append(Figure(*arguments, **named))
        return kept[-1]

    with mock.patch.object(style, "Figure", keeping):
        draw([])
    (figure,) = kept
    figure.draw_without_rendering()
    return figure


def words_of(artist):
    """All that is written in a figure or in a part of it, in one line."""
    texts = [text.get_text() for text in artist.findobj(Text) if text.get_visible()]
    return " ".join(" ".join(texts).split())


def line_of(axis, label):
    """The only line of a label, as x and y."""
    (only,) = [line for line in axis.lines if line.get_label() == label]
    return np.asarray(only.get_data(), dtype=float)


def look_of(axis, **look):
    """The lines with a look: colour, line style, marker or width."""
    return [
        line
        for line in axis.lines
        if all(np.array_equal(getattr(line, f"get_{name}")(), each) for name, each in look.items())
    ]


def edges_of(band):
    """Of a filled band: x, its lower edge and its upper edge."""
    x, y = band.get_paths()[0].vertices.T
    at = np.unique(x)
    return at, *np.array([[y[x == each].min(), y[x == each].max()] for each in at]).T
