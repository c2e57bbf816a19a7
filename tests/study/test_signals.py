"""Given signals: what they are called, what depends on them, and what is refused."""

import pandas as pd
import pytest
import yaml

from zeptobarn.study.loading import load_study
from zeptobarn.study.signals import AS_GIVEN, wimp
from zeptobarn.study.slices.limits import limits_slice
from zeptobarn.study.slices.summary import sensitivity_slice, summary_slice
from zeptobarn.study.slices.template import template_slice
from zeptobarn.support import paths
from zeptobarn.support.config import ConfigError
from zeptobarn.support.tables import digest
from zeptobarn.templates.spectra import check_rates, spectrum

SIGNAL = {"name": "mine", "label": "mine", "nr": "nr.csv"}


@pytest.fixture
def load(tmp_path):
    """Load the default study with signals, whose files lie beside its overlay."""
    table = pd.DataFrame({"recoil_energy_keV": [1.0, 30.0], "rate_per_kg_day_keV": [2e-5, 1e-6]})
    for name in ("nr", "er"):
        table.to_csv(tmp_path / f"{name}.csv", index=False)

    def load_with(*signals, **settings):
        overlay = tmp_path / "mine.yaml"
        files = [
            {k: str(tmp_path / v) if k in ("nr", "er") else v for k, v in s.items()}
            for s in signals
        ]
        overlay.write_text(yaml.safe_dump({"signals": files, **settings}, allow_unicode=True))
        return load_study(None, overlay)

    return load_with


def test_names_and_paths_of_both_kinds(load):
    study = load(SIGNAL, {**SIGNAL, "name": "both", "er": "er.csv", "unit": "1e-37 cm²"})
    heavy = study.tested("SI", 50)
    assert heavy == wimp("SI", 50, "nr")
    assert (heavy.name, heavy.path, heavy.unit) == ("wimp_SI_50GeV", "SI/50GeV", "cm²")
    assert heavy.spectra == {"nr": "wimp_SI_50GeV"}
    mine, both = study.given_signals
    assert (mine.name, mine.path, mine.unit, mine.recoils) == ("mine", "mine", AS_GIVEN, ("nr",))
    assert (both.unit, both.recoils) == ("1e-37 cm²", ("nr", "er"))
    assert both.spectra == {"nr": "both_nr", "er": "both_er"}
    assert study.places[-3:] == [("SI", 1000), ("mine", None), ("both", None)]
    for place in study.places:
        assert study.place(study.tested(*place).path) == place
    assert study.model_path(paths.LIMITS, "lz", "both", None, batch="1-9").as_posix() == (
        "results/limits/lz/both/1-9.parquet"
    )
    assert study.source_signal("er") is None
    assert study.signals()[-2:] == ["mine", "both"]


def test_shapes_of_both_recoil_types_touch_a_signal_of_both(load):
    shapes = [
        {"name": "leff", "anchors": [-1, 0, 1]},
        {"name": "lifetime", "parameter": "electron_lifetime_us", "relative_width": 0.1,
         "anchors": [0, 1]},
        {"name": "er_component_1", "anchors": [0, 2], "detectors": ["xenon1t"]},
    ]  # fmt: skip
    intervals = [{"name": "all", "profiled": [shape["name"] for shape in shapes]}]
    study = load({**SIGNAL, "er": "er.csv"}, shapes=shapes, intervals=intervals)
    assert len(study.source_anchors("xenon1t", "mine")) == 3 * 2 * 2
    assert len(study.anchors("xenon1t", "nr")) == 3 * 2
    assert len(study.source_anchors("lz", "mine")) == 3 * 2


def test_what_a_wimp_depends_on_stays_when_signals_come(load):
    plain, study = load(), load(SIGNAL)
    assert digest(sensitivity_slice(plain, "lz")) == digest(sensitivity_slice(study, "lz"))
    assert digest(summary_slice(plain)) == digest(summary_slice(study))
    assert limits_slice(plain, "xenon1t", "SI", 50) == limits_slice(study, "xenon1t", "SI", 50)


def test_a_template_depends_on_what_its_file_says(load, tmp_path):
    study = load(SIGNAL)
    before = digest(template_slice(study, "lz", "mine"))
    moved = load({**SIGNAL, "nr": "er.csv"})
    assert digest(template_slice(moved, "lz", "mine")) == before
    (tmp_path / "nr.csv").write_text("recoil_energy_keV,rate_per_kg_day_keV\n1,2\n3,4\n")
    assert digest(template_slice(study, "lz", "mine")) != before
    assert spectrum(study, "mine_nr")["rate_per_kg_day_keV"].tolist() == [2, 4]


def test_a_study_of_signals_alone(load):
    study = load(SIGNAL, masses_GeV=[], coverage={"masses_GeV": []})
    assert study.places == [("mine", None)]
    assert study.interactions == ()


@pytest.mark.parametrize(
    ("signals", "settings", "message"),
    [
        ([], {"masses_GeV": []}, "masses_GeV, signals: found neither; needed: one of either"),
        ([SIGNAL, SIGNAL], {}, r"signals\[1\]\.name: found 'mine', .* of another signal"),
        ([{**SIGNAL, "name": "er"}], {}, r"'er' is a name of lz, too"),
        ([{**SIGNAL, "name": "cevns_8b"}], {}, r"'cevns_8b' is a name of"),
        ([{**SIGNAL, "name": "Mine"}], {}, r"signals\[0\]\.name"),
        ([{**SIGNAL, "label": "a $"}], {}, r"signals\[0\]\.label: found 'a \$': a single"),
        ([{"name": "mine", "label": "mine"}], {}, r"signals\[0\]: missing key 'nr'"),
        ([{**SIGNAL, "nr": "none.csv"}], {}, r"signals: mine: no file .*none\.csv"),
        ([{**SIGNAL, "mass_GeV": 3}], {}, r"unknown key 'mass_GeV'"),
    ],
)  # fmt: skip
def test_refused(load, signals, settings, message):
    with pytest.raises(ConfigError, match=message):
        load(*signals, **settings)


def test_a_spectrum_in_other_units_is_refused(load, tmp_path):
    """In eV, or per MeV, all recoils lie beyond what a response holds."""
    rows = "recoil_energy_keV,rate_per_kg_day_keV\n1000,2\n30000,1\n"
    (tmp_path / "nr.csv").write_text(rows)
    with pytest.raises(ConfigError, match=r"signals: mine: found no recoils in .*nr\.csv that xen"):
        check_rates(load(SIGNAL))
