import numpy as np
import pandas as pd
import pytest

from zeptobarn.summary.published import read_published
from zeptobarn.support.config import ConfigError

HEADER = "label,interaction,mass_GeV,cross_section_cm2,kind,source"


@pytest.mark.parametrize(
    "name", ["xenon1t_2017", "lz_ws2022", "lz_projected", "lz_projected_preprint2018"]
)
def test_the_tables_that_come_along(name):
    """Like pandas, which reads well-formed tables well; bands beside medians stay as they are."""
    path = f"resources/published/{name}.csv"
    expected = pd.read_csv(path)
    columns = [column for column in expected if "sigma" not in column]
    pd.testing.assert_frame_equal(
        read_published(path).reset_index(drop=True)[columns], expected[columns], check_dtype=False
    )


@pytest.mark.parametrize("name", ["xenon1t_2017", "lz_ws2022"])
def test_published_bands_are_in_order(name):
    table = read_published(f"resources/published/{name}.csv")
    medians = table[table["kind"] == "median_sensitivity"]
    low, high = (
        medians[[f"{side}{n}sigma_cm2" for n in order]].astype(float).to_numpy()
        for side, order in (("minus", (2, 1)), ("plus", (1, 2)))
    )
    curves = np.column_stack([low, medians["cross_section_cm2"], high])
    assert len(curves) >= 17
    assert (np.diff(curves, axis=1) >= 0).all()


def test_other_columns_and_orders(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("kind,mass_GeV,label,cross_section_cm2,interaction\nlimit,50,A,1e-46,SI\n")
    table = read_published(path)
    assert table["label"].tolist() == ["A"]
    np.testing.assert_allclose(table["cross_section_cm2"], [1e-46])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("label,mass_GeV\nA,50\n", "found columns 'label', 'mass_GeV'; needed: 'label', 'interac"),
        (HEADER + "\nA,SI,50,1e-46,limit,here,too\n", "row 2: found 7 values; allowed: 6"),
        (HEADER + "\nA,SI,50,x,limit,here\n", "row 2: found mass_GeV=50, cross_.*=x; allowed: fin"),
        (HEADER + "\nA,SI,50,0,limit,here\n", "row 2: found mass_GeV=50.0, .*=0.0; .* above 0"),
        (HEADER + ",v0_km_s\nA,SI,50,1e-46,limit,here,\n", "row 2: .*v0_km_s=.*; allowed: finite"),
        (HEADER + ",v0_km_s\nA,SI,50,1e-46,limit,here,0\n", "row 2: .*v0_km_s=0.0; .* above 0"),
        (
            HEADER + "\nA,SI,1e-46,50,limit,here\n",
            "row 2: .*cm2=50.0; allowed: .* in cm², below",
        ),
        (HEADER + "\n", "found no rows; allowed: at least 1"),
        (HEADER + "\nA,SI,50,1e-46,lim,here\n", "row 2: found kind=lim; allowed: limit, median_s"),
    ],
)
def test_bad_tables(tmp_path, text, message):
    path = tmp_path / "mine.csv"
    path.write_text(text)
    with pytest.raises(ConfigError, match=rf"mine\.csv: {message}"):
        read_published(path)
