"""Names of areas: what they say, and what says something else."""

import pytest

from zeptobarn.physics.area_names import meaning


@pytest.mark.parametrize(
    "name",
    ["s1", "s2_phd", "cs1_keV", "cs2_width", "radius", "", "acs1", "cs2_top_bottom", "cs1_pe_phd"],
)
def test_names_that_say_something_else(name):
    assert meaning(name) is None
