"""Later kinds of input: names of columns, curves, constants, shapes, and tables in Parquet."""

import io
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from hypothesis import strategies as st

from hostile.generate import csv_texts, damages, rewritings, yaml_texts
from hostile.kind import Kind
from hostile.outcomes import Outcomes
from zeptobarn.physics.detector import Detector, load_detector
from zeptobarn.physics.efficiency import CS1, CS2, ENERGY, PHOTONS, read_efficiency
from zeptobarn.physics.histogram_files import read_histogram
from zeptobarn.study.loading import load_study
from zeptobarn.study.slices.limits import limits_slice
from zeptobarn.summary.published import read_published
from zeptobarn.support.tables import digest
from zeptobarn.templates.observed import read_events
from zeptobarn.templates.response import check_light
from zeptobarn.templates.spectra import check_rates, read_spectrum

# Constants of every yield model.
YIELDS = {
    "nr": "lenardo2015",
    "er": "er_polynomial",
    "quanta_per_keV": 73,
    "fano": 0.03,
    "lenardo2015": {
        "alpha": 1.24,
        "beta": 239,
        "gamma": 0.01385,
        "delta": 0.062,
        "zeta": 0.0472,
        "eta": 3.3,
        "lambda": 1.14,
        "k": 0.1394,
        "electron_probability_width": 0.02,
    },
    "er_polynomial": {
        "reference_energy_keV": 5,
        "largest_energy_keV": 12,
        "means": [33.0, -14.0, 3.0],
        "electron_probability_width": 0.045,
    },
    "nest": {"er_parameters": [-1] * 10, "er_skewness": 1},
}
SHAPES = {
    "shapes": [
        {"name": "photons", "parameter": "nr_photon_yield", "relative_width": 0.1,
         "anchors": [-2.5, 0, 2.5]},
        {"name": "width", "parameter": "er_recombination_width", "relative_width": 0.1,
         "anchors": [-2, 0, 2], "detectors": ["lz"]},
        {"name": "seen", "parameter": "signal_efficiency", "relative_width": 0.2,
         "anchors": [-2, 0, 2], "constraint": "normal"},
    ],
    "intervals": [
        {"name": "nominal", "fixed": {"photons": 0, "width": 0, "seen": 0}},
        {"name": "profiled", "kind": "unified", "profiled": ["photons", "width", "seen"]},
    ],
    "detectors": ["xenon1t", "lz"],
    "combined": {"both": ["xenon1t", "lz"]},
}  # fmt: skip
# Words that names of columns are made of.
_LOGS, _AREAS = ("", "", "log10_", "ln_", "log_"), ("cs1", "cs2", "s1c", "S2c", "cS2", "s1", "x")
_WORDS = ("", "", "_pe", "_phd", "_bottom_pe", "_top", "_all_phd", "_area", " [PE]", "_keV")
_CURVE = [[0.5 * i, 0.1 * i, 0.08 * i, 0.11 * i] for i in range(9)]
_LIMITS = pd.DataFrame(
    {
        "label": "A 2017",
        "interaction": "SI",
        "mass_GeV": [10.0, 20.0, 40.0],
        "cross_section_cm2": [3e-46, 1e-46, 2e-46],
        "kind": "limit",
        "statistic": "q̃",
        "v0_km_s": 238,
        **{f"{side}{n}sigma_cm2": 1e-46 for side in ("minus", "plus") for n in (1, 2)},
    }
)
_BINS = pd.DataFrame(
    {
        "leff": [0.0, 0.0, 2.0, 2.0],
        "cs1_low": [3.0, 40.0, 3.0, 40.0],
        "cs1_high": [40.0, 70.0, 40.0, 70.0],
        "cs2_low": 50.0,
        "cs2_high": 8000.0,
        "expected_events": [0.3, 0.1, 0.4, 0.2],
        "variance": 0.01,
    }
)


def more_kinds(study: dict[str, Any], detectors: dict[str, dict[str, Any]]) -> list[Kind]:
    """Give the kinds.

    Parameters
    ----------
    study, detectors
        What the files of the configuration hold.
    """
    xenon1t = detectors["xenon1t"]
    return [
        Kind("study with shapes", yaml_texts(SHAPES), _try_overlay),
        Kind("yield constants", yaml_texts(YIELDS), _yields(xenon1t, study)),
        Kind("efficiencies of a detector", _efficiencies(), _try_efficiencies(xenon1t)),
        Kind("names of event columns", _named_events(), _try_events),
        Kind("spectrum of a signal", csv_texts(*_rows(_spectrum())), _signal(study)),
        Kind("published limits with bands", csv_texts(*_rows(_LIMITS)), _reader(read_published)),
        Kind("map of a charge yield", csv_texts(*_rows(_map())), _charge(xenon1t)),
        *(
            Kind(f"{name}, Parquet", _parquets(table), _reader(read))
            for name, (table, read) in _TABLES.items()
        ),
    ]


def _spectrum() -> pd.DataFrame:
    energies = [0.5 * i + 0.1 for i in range(12)]
    rates = [3e-5 / (1 + i) for i in range(12)]
    return pd.DataFrame({"recoil_energy_keV": energies, "rate_per_kg_day_keV": rates})


def _map() -> pd.DataFrame:
    rows = [(r, z, 1 - r / 300 + z / 900) for r in (0, 20, 40) for z in (-97, -50, 0)]
    return pd.DataFrame(rows, columns=["radius_cm", "z_cm", "relative_yield"])


def _rows(table: pd.DataFrame) -> tuple[list[str], list[list[Any]]]:
    return list(table.columns), table.to_numpy().tolist()


def _parquets(table: pd.DataFrame) -> st.SearchStrategy[bytes]:
    """A user's table in Parquet, with other rows, columns, types or bytes."""
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    return st.one_of(damages(_bytes(arrow)), rewritings(arrow).map(_bytes))


def _bytes(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def _reader(read: Callable[[Path], Any]) -> Callable[[bytes, Path, Outcomes], None]:
    def try_file(content: bytes, folder: Path, outcomes: Outcomes) -> None:
        file = folder / "mine.csv"
        file.write_bytes(content)
        outcomes.add(content, lambda: read(file), "mine.csv")

    return try_file


def _curve(against: str) -> Callable[[Path], Any]:
    return lambda file: read_efficiency("mine", against, None, file)


@cache
def _xenon1t() -> Detector:
    return load_detector("xenon1t")


_TABLES: dict[str, tuple[pd.DataFrame, Callable[[Path], Any]]] = {
    "spectrum": (_spectrum(), read_spectrum),
    "template": (_BINS, read_histogram),
    "published limits": (_LIMITS, read_published),
    "efficiency": (
        pd.DataFrame(_CURVE, columns=[CS2, "efficiency", "efficiency_low", "efficiency_high"]),
        _curve(CS2),
    ),
    "events": (
        pd.DataFrame({"cs1": [3.5, 30.0], "cs2": [400.0, 1200.0]}),
        lambda file: read_events(file, _xenon1t(), "mine"),
    ),
}


def _efficiencies() -> st.SearchStrategy[tuple[str, str | None, bytes]]:
    """What a curve is against, for which recoils, and its file, which reaches everywhere."""

    def of(against: str) -> st.SearchStrategy[tuple[str, str | None, bytes]]:
        rows = [[x * 3e3, y, low, high] for x, y, low, high in _CURVE]
        header = [against, "efficiency", "efficiency_low", "efficiency_high"]
        recoils = st.sampled_from((None, "nr", "er", "x"))
        return st.tuples(st.just(against), recoils, csv_texts(header, rows))

    return st.sampled_from((ENERGY, CS1, CS2, PHOTONS, "mass_GeV")).flatmap(of)


def _try_efficiencies(detector: dict[str, Any]) -> Callable[[Any, Path, Outcomes], None]:
    def try_one(case: tuple[str, str | None, bytes], folder: Path, outcomes: Outcomes) -> None:
        against, recoil, content = case
        (folder / "mine.csv").write_bytes(content)
        given = {"against": against, "path": "mine.csv"} | ({"recoil": recoil} if recoil else {})
        file = folder / "mine_detector.yaml"
        file.write_text(yaml.safe_dump(detector | {"efficiencies": {"seen": given}}))
        outcomes.add(case, lambda: load_detector(file), "mine")

    return try_one


def _named_events() -> st.SearchStrategy[tuple[list[str], dict[str, str]]]:
    """Names of columns, and which of them a user names: of both areas, or of anything."""
    logs, words = st.sampled_from(_LOGS), st.sampled_from(_WORDS)
    names = st.builds("{}{}{}".format, logs, st.sampled_from(_AREAS), words)
    both = st.tuples(*(st.builds(f"{{}}{area}{{}}".format, logs, words) for area in ("cs1", "cs2")))
    headers = st.one_of(both.map(list), st.lists(names, min_size=1, max_size=4))
    asked = st.dictionaries(names, st.one_of(names, st.sampled_from(("", "0", "a"))), max_size=2)
    return st.tuples(headers, st.one_of(st.just({}), asked))


def _try_events(case: tuple[list[str], dict[str, str]], folder: Path, outcomes: Outcomes) -> None:
    header, asked = case
    file = folder / "mine.csv"
    rows = [[20.0 + i, 900.0 + 100 * i, 3.0, 2.9][: len(header)] for i in range(3)]
    file.write_text("\n".join([",".join(header), *(",".join(map(str, row)) for row in rows)]))
    detector = _xenon1t()
    outcomes.add(case, lambda: read_events(file, detector, "mine", asked), "mine.csv")


def _try_overlay(text: str, folder: Path, outcomes: Outcomes) -> None:
    file = folder / "mine.yaml"
    file.write_text(text, encoding="utf-8")
    outcomes.add(text, lambda: _plan("config/config.yaml", file), "mine.yaml")


def _plan(*files: str | Path) -> None:
    """Find mistakes as a workflow does before it runs."""
    study = load_study(*files)
    check_rates(study)
    check_light(study)
    for target in study.targets:
        for place in [*study.wimps[:1], *((s.name, None) for s in study.given_signals)]:
            digest(limits_slice(study, target, *place))


def _yields(
    detector: dict[str, Any], study: dict[str, Any]
) -> Callable[[str, Path, Outcomes], None]:
    """Constants of the yields, in a detector file beside a study."""
    others = yaml.safe_dump({key: value for key, value in detector.items() if key != "yields"})
    mine = yaml.safe_dump(study | {"detectors": ["mine"], "combined": {}, "published": {}})

    def try_one(text: str, folder: Path, outcomes: Outcomes) -> None:
        config = folder / "config/config.yaml"
        (config.parent / "detectors").mkdir(parents=True, exist_ok=True)
        config.write_text(mine)
        indented = "".join(f"  {line}\n" for line in text.splitlines())
        file = config.parent / "detectors/mine.yaml"
        file.write_text(f"{others}yields:\n{indented}", encoding="utf-8")
        outcomes.add(text, lambda: check_light(load_study(config)), "mine.yaml")

    return try_one


def _signal(study: dict[str, Any]) -> Callable[[bytes, Path, Outcomes], None]:
    """The spectrum of a signal in a study."""
    given = [{"name": "mine", "label": "mine", "unit": "1", "nr": "mine.csv"}]

    def try_one(content: bytes, folder: Path, outcomes: Outcomes) -> None:
        (folder / "mine.csv").write_bytes(content)
        (folder / "mine.yaml").write_text(yaml.safe_dump({**study, "signals": given}))
        outcomes.add(content, lambda: _plan(folder / "mine.yaml"), "mine")

    return try_one


def _charge(detector: dict[str, Any]) -> Callable[[bytes, Path, Outcomes], None]:
    """A detector whose charge yield against position is a map."""

    def try_one(content: bytes, folder: Path, outcomes: Outcomes) -> None:
        (folder / "mine.csv").write_bytes(content)
        file = folder / "mine_detector.yaml"
        file.write_text(yaml.safe_dump(detector | {"s2_relative_light_yield": {"map": "mine.csv"}}))
        outcomes.add(content, lambda: load_detector(file), "mine")

    return try_one
