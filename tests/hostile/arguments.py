"""Arguments of ``zeptobarn limit``: events of several detectors, and what is asked of them."""

import contextlib
import io
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

from hypothesis import strategies as st

from hostile.kind import Kind
from hostile.outcomes import Outcomes
from zeptobarn.cli import cli, limit
from zeptobarn.inference.events import sort_observed
from zeptobarn.study.study import Study
from zeptobarn.support.config import ConfigError

_DETECTORS = ("xenon1t", "lz", "both", "panda", "XENON1T", "")
_FILES = ("one.csv", "two.csv", "lz=two.csv", "none.csv", ".", "")
_OVERLAY = """
detectors: [xenon1t, lz]
combined: {both: [xenon1t, lz]}
masses_GeV: [10, 50]
signals: [{name: mine, label: mine, unit: 1e-45 cm², nr: spectrum.csv}]
"""
_COLUMNS = ("cs1=cs1", "cs1=area,cs2=cs2", "cs2=", "cs3=cs1", "=", "log10_cs2_phd=cs2,cs2=cs2", "")
_NUMBERS = ("100", "0", "-1", "nan", "inf", "1e9", "ten", "")


def several_detectors() -> Kind:
    """Give the kind: one or two files of events, and options."""
    return Kind("arguments of zeptobarn limit", _arguments(), _try_arguments)


def _arguments() -> st.SearchStrategy[list[str]]:
    names, files = st.sampled_from(_DETECTORS), st.sampled_from(_FILES)
    pair = st.builds("{}={}".format, names, files)
    known = st.sampled_from((["xenon1t=one.csv", "lz=two.csv"], ["lz=two.csv"]))
    events = st.one_of(known, st.lists(st.one_of(files, pair), max_size=3))
    values = {
        "--detector": names,
        "--mass": st.sampled_from(("10", "50", "all", "11", "5e1", "ten", "")),
        "--signal": st.sampled_from(("mine", "all", "yours", "")),
        "--interval": st.sampled_from(("profiled", "unified", "all", "mine", "")),
        "--columns": st.sampled_from(_COLUMNS),
        "--livetime": st.sampled_from(_NUMBERS),
        "--output": st.sampled_from(("out.csv", "out.txt", "out", "")),
        "--nothing": st.just("x"),
    }
    of_one = {"--columns", "--livetime"}
    options = st.lists(
        st.sampled_from(sorted(values)).flatmap(
            lambda option: st.tuples(
                st.just(option),
                st.one_of(values[option], st.builds("{}={}".format, names, values[option]))
                if option in of_one
                else values[option],
            )
        ),
        max_size=3,
    )
    return st.builds(lambda e, o: [*e, *(word for pair in o for word in pair)], events, options)


def _try_arguments(case: list[str], folder: Path, outcomes: Outcomes) -> None:
    (folder / "one.csv").write_text("cs1,cs2\n20,900\n30,1200\n")
    (folder / "two.csv").write_text("S1c [phd],log10_S2c_phd\n20,3.4\n30,3.5\n")
    (folder / "spectrum.csv").write_text("recoil_energy_keV,rate_per_kg_day_keV\n1,1\n50,0.1\n")
    (folder / "mine.yaml").write_text(_OVERLAY)
    with contextlib.chdir(folder):
        outcomes.add(case, lambda: _ask(case), "found")


def _ask(arguments: Sequence[str]) -> None:
    """Do all that the command does, but for the limits."""

    def read(study: Study, places: object, intervals: object) -> None:
        data = {name: observed.file for name, observed in study.observed.items()}
        columns = {name: dict(observed.columns) for name, observed in study.observed.items()}
        sort_observed(study, data, None, {name: own for name, own in columns.items() if own})
        raise _EnoughError

    said = io.StringIO()
    with (
        contextlib.suppress(_EnoughError),
        contextlib.redirect_stderr(said),
        contextlib.redirect_stdout(io.StringIO()),
        mock.patch.object(limit, "_limits", read),
    ):
        try:
            status = cli.main(["limit", *arguments, "--overlay", "mine.yaml"])
        except SystemExit as end:  # what argparse refuses, in its own words
            raise ConfigError(f"found what is not allowed: {said.getvalue()}") from end
        if status:
            # A file that is not there is named and nothing else.
            raise ConfigError(said.getvalue().replace("no such file", "found no such file"))


class _EnoughError(Exception):
    """All was read."""
