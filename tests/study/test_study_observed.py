"""Which limit on observed data is looked at closely: what a study may say of it."""

import pytest
import yaml

from zeptobarn.study.loading import load_study
from zeptobarn.study.observed import detailed_interval, detailed_place
from zeptobarn.support.config import ConfigError


@pytest.fixture
def load(tmp_path):
    """Load the default study with details of observed limits, and other keys."""

    def load_with(details, **keys):
        overlay = tmp_path / "mine.yaml"
        overlay.write_text(yaml.safe_dump({"observed_details": details, **keys}))
        return load_study(None, overlay)

    return load_with


def test_the_study_says_which(load):
    study = load({"mass_GeV": 30, "interval": "profiled"})
    assert detailed_place(study, "SI") == ("SI", 30)
    assert detailed_interval(study) == "profiled"
    study = load({"mass_GeV": 1000})
    assert (detailed_place(study, "SI"), detailed_interval(study)) == (("SI", 1000), "unified")
    study = load({}, masses_GeV=[10, 40, 70], coverage={"masses_GeV": []})
    assert detailed_place(study, "SI") == ("SI", 40)


SIGNAL = {"name": "mine", "label": "mine", "nr": "resources/spectra/cevns_8b.csv"}
ALONE = {"masses_GeV": [], "coverage": {"masses_GeV": []}, "signals": [SIGNAL]}


@pytest.mark.parametrize(
    ("details", "keys", "message"),
    [
        ({"mass_GeV": 42}, {}, r"mine\.yaml: observed_details\.mass_GeV: found 42; allowed: 7, 8"),
        ({"mass_GeV": 50}, ALONE, "mass_GeV: found 50; allowed: none, there are no masses_GeV"),
        ({"interval": "best"}, {}, r"observed_details\.interval: found best; allowed: leff_nomina"),
        ({"mass": 50}, {}, "observed_details: unknown key 'mass'"),
        ({"mass_GeV": 0}, {}, r"observed_details\.mass_GeV: found 0; allowed: > 0"),
    ],
)
def test_refused(load, details, keys, message):
    with pytest.raises(ConfigError, match=message):
        load(details, **keys)
