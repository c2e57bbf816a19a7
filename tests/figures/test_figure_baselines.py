"""Main figures of tables made by hand, beside pictures that were looked at.

Where a figure was changed on purpose: `python tests/figures/renew_baselines.py` draws the pictures
anew; look at each before it is committed.
"""

import pytest
from matplotlib.testing.compare import compare_images
from renew_baselines import FOLDER, draw, pictures

# Root mean square of the differences, of 255; matplotlib brings its own fonts.
TOLERANCE = 2
NAMES = sorted(file.stem for file in FOLDER.glob("*.png"))


@pytest.fixture(scope="module")
def drawn_by_name():
    return pictures()


def test_every_picture_has_a_baseline(drawn_by_name):
    assert sorted(drawn_by_name) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_looks_like_its_baseline(tmp_path, drawn_by_name, name):
    draw(drawn_by_name[name], tmp_path / f"{name}.png")
    difference = compare_images(
        str(FOLDER / f"{name}.png"), str(tmp_path / f"{name}.png"), TOLERANCE
    )
    assert difference is None, difference
