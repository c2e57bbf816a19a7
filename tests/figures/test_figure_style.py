"""How figures are written: whole or not at all, and the words on them."""

import pytest

from zeptobarn.figures.style import legend_columns, new_figure, set_title, wrapped


def test_a_figure_that_fails_leaves_no_file(tmp_path):
    (tmp_path / "old.png").write_text("old")
    with (
        pytest.raises(ZeroDivisionError),
        new_figure(2, 2, [tmp_path / "old.png", tmp_path / "new.pdf"]),
    ):
        raise ZeroDivisionError
    assert [file.name for file in tmp_path.iterdir()] == ["old.png"]
    assert (tmp_path / "old.png").read_text() == "old"


def test_files_are_what_their_names_say_and_have_no_date(tmp_path):
    files = [tmp_path / "new" / f"a.{suffix}" for suffix in ("png", "pdf")]
    with new_figure(2, 1, files) as figure:
        figure.subplots().plot([1, 2])
    png, pdf = (file.read_bytes() for file in files)
    assert png.startswith(b"\x89PNG")
    assert pdf.startswith(b"%PDF")
    assert b"CreationDate" not in pdf
    # Width and height in dots stand in the head of the file.
    assert [int.from_bytes(png[at : at + 4]) for at in (16, 20)] == [400, 200]


def test_a_title_is_no_wider_than_its_figure():
    with new_figure(3, 1, []) as figure:
        set_title(figure, "LZ: " + "limits, " * 20 + "v₀ = 238 km/s")
    assert r"$v_0$ = 238 km/s" in figure.get_suptitle()
    assert len(figure.get_suptitle().split("\n")) > 3
    figure.draw_without_rendering()
    box = figure._suptitle.get_window_extent()
    assert figure.bbox.x0 <= box.x0
    assert box.x1 <= figure.bbox.x1


def test_numbers_stay_with_their_units():
    for width in (1.0, 1.2, 1.5, 2.0):
        lines = wrapped("nominal 90 % CL, mass of 50 GeV/c² at +1σ, v₀ = 238 km/s", width)
        for text in ("90 % CL", "50 GeV", "at +1σ", "$v_0$ = 238 km/s"):
            assert text in lines


def test_columns_of_a_legend_fit():
    texts = ["a word"] * 6
    assert legend_columns(texts, 9, 8, most=3) == 3
    assert legend_columns(texts, 1.9, 8, most=3) == 2
    assert legend_columns(texts, 1, 8, most=3) == 1
    assert legend_columns([*texts, 20 * "long "], 6, 8, most=3) == 1
