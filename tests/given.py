"""A WIMP of the small study under the name of a given signal, whose limits are known."""

import dataclasses

from zeptobarn.study.signals import Signal

FIFTY = Signal(
    "fifty", None, "50 GeV recoils", "1e-45 cm²", ("nr",), "#D55E00",
    {"nr": "resources/spectra/cevns_8b.csv"},
)  # fmt: skip


def as_given(study, templates, **changes):
    """Give the study with a signal ``fifty``, and templates with that of 50 GeV/c² as its own."""
    study = dataclasses.replace(study, given_signals=(FIFTY,), **changes)
    given = {
        detector: {**sources, "fifty": sources["wimp_SI_50GeV"]}
        for detector, sources in templates.items()
    }
    return study, given
