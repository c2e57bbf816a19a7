"""The kinds of input that are tried, each a strategy and what is done with what it draws."""

from collections.abc import Callable
from math import log10
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gridfiles import WRITERS
from hostile.arguments import several_detectors
from hostile.generate import csv_texts, damages, rewritings, yaml_texts
from hostile.inputs import more_kinds
from hostile.kind import Kind
from hostile.outcomes import Outcomes
from zeptobarn.inference.model import Model
from zeptobarn.physics.detector import load_detector
from zeptobarn.physics.efficiency import read_efficiency
from zeptobarn.physics.histogram import rebinned
from zeptobarn.physics.histogram_files import read_histogram
from zeptobarn.study.loading import load_study
from zeptobarn.study.observed import detailed_interval, detailed_place
from zeptobarn.study.slices.limits import limits_slice
from zeptobarn.study.slices.observed import observed_detail_slice
from zeptobarn.summary.published import read_published
from zeptobarn.support.config import read_yaml
from zeptobarn.support.tables import digest, read_parquet
from zeptobarn.templates.observed import check_observed
from zeptobarn.templates.response import check_light
from zeptobarn.templates.spectra import check_rates, read_spectrum

EVENTS = [[3.5 + 4 * i, 400.0 + 137.0 * i] for i in range(8)]
SPECTRUM = [[0.5 * i + 0.1, 3e-5 / (1 + i)] for i in range(12)]
SIGNALS = [
    {"name": "mine", "label": "mine", "unit": "1e-37 cm²", "nr": "resources/spectra/cevns_8b.csv"},
    {
        "name": "both",
        "label": "both",
        "colour": "#009E73",
        "nr": "resources/spectra/cevns_8b.csv",
        "er": "resources/spectra/cevns_atm.csv",
    },
]
NORM = {"recoils": 9, "range_keV": [1, 15], "exposure_kg_day": 30}
SPECTRA = [
    {"name": "a", "kind": "beta", "isotope": "tritium", "normalisation": NORM},
    {"name": "b", "kind": "beta", "q_value_keV": 687, "daughter_z": 37, "rate_per_kg_day": 0.1},
    {"name": "c", "kind": "two_neutrino_double_beta", "rate_per_kg_day": 0.3},
    {"name": "d", "kind": "lines", "lines": [{"energy_keV": 2.8, "rate_per_kg_day": 1e-4}]},
]
YIELDS = [[r, z, 1 - r / 300 + z / 900] for r in (0, 20, 40) for z in (-97, -50, 0)]
# Bins of a template, two by two, at two anchors of leff.
BINS = [
    [leff, *cs1, *cs2, 0.1 * (1 + leff) * cs1[0], 0.01]
    for leff in (0, 2)
    for cs1 in ((3, 40), (40, 70))
    for cs2 in ((50, 500), (500, 8000))
]
# What a source may say of its events and its rate, in place of `rate`.
KNOWN: list[dict[str, Any]] = [
    {"expected_events": 215, "uncertainty": 36},
    {"expected_events": 0, "uncertainty": 0.2},
    {
        "expected_events": 52.5,
        "rate": {"constraint": "uniform", "range_events": [0, 288]},
        "shared": True,
    },
    {"rate": {"constraint": "uniform", "range": [0.5, 2]}},
    {"rate": {"constraint": "half_normal", "width": 0.3}, "shared": True},
]
_CURVE = ["recoil_energy_keV", "efficiency"]
EFFICIENCY = [[0.5 * i, 0.1 * i, 0.08 * i, 0.11 * i] for i in range(9)]
# Every kind of change that a file makes to its base.
RUN = {
    "base": "lz",
    "title": "a run",
    "livetime_day": 60,
    "g2_PE_per_electron": 90,
    "fiducial_z_cm": [-140, -12],
    "s1_relative_light_yield": {
        "radius_squared_scale_cm2": 1,
        "depth_scale_cm": 100,
        "coefficients": [[1, 0.1]],
    },
    "yields": {
        "nr": "lenardo2015",
        "fano": 0.05,
        "lenardo2015": {"k": 0.14, "lambda": 1.1},
        "nest": {"er_parameters": [-1] * 10},
    },
    "analysis_space": {"cs1": {"high": 90, "bins": 40}},
    "sources": [
        {"name": "er", "rate_multiplier": 1.5, "yields": "nest_gamma", "charge_ratio": 0.88},
        {"name": "accidental", "remove": True},
        {"name": "cevns_8b", "rate": {"constraint": "normal", "width": 0.12}},
        {
            "name": "line",
            "label": "a line",
            "colour": "#000000",
            "recoil": "er",
            "rate": "fixed",
            "spectrum": {"name": "line", "kind": "flat", "rate_per_kg_day_keV": 1e-5,
                         "range_keV": [4, 6]},
        },
    ],
}  # fmt: skip
PUBLISHED = [["A 2017", "SI", 10 * 2**i, 1e-46 * (1 + i), "limit", "A et al."] for i in range(6)]


def kinds(root: Path, model: Model, results: Path) -> list[Kind]:
    """Give all kinds.

    Parameters
    ----------
    root
        The checkout: its configuration is what is changed.
    model
        A model to set limits with.
    results
        Results of a study; its files are copied before they are damaged.
    """
    study = read_yaml(root / "config/config.yaml")
    detectors = {d: read_yaml(root / f"config/detectors/{d}.yaml") for d in study["detectors"]}
    files = sorted(results.rglob("*.parquet"))
    return [
        Kind("study", yaml_texts(study), _try_study),
        Kind("study with signals", yaml_texts({**study, "signals": SIGNALS}), _try_study),
        Kind("observed data of a study", yaml_texts(_with_observed(root)), _try_observed),
        *(
            Kind(f"detector {name}", yaml_texts(detector), _try_detector)
            for name, detector in detectors.items()
        ),
        Kind("detector with decays", yaml_texts(_with_decays(detectors["xenon1t"])), _try_detector),
        Kind("backgrounds", yaml_texts(_with_rates(detectors["xenon1t"])), _try_detector),
        Kind("correlations", yaml_texts(_correlated(study)), _try_study),
        Kind("charge ratios", yaml_texts(_captures(study)), _try_study),
        Kind(
            "template",
            csv_texts(
                [
                    "leff",
                    "cs1_low",
                    "cs1_high",
                    "cs2_low",
                    "cs2_high",
                    "expected_events",
                    "variance",
                ],
                BINS,
            ),
            _template(detectors["xenon1t"]),
        ),
        *(
            Kind(
                f"template in {kind}",
                damages(_histograms(kind)),
                _template(detectors["xenon1t"], "a_{leff}"),
            )
            for kind in WRITERS
        ),
        Kind(
            "detector with a histogram",
            yaml_texts({"base": "xenon1t", "sources": [_from_file("a_{leff}")]}),
            _try_detector_beside(_histograms("root")),
        ),
        Kind("detector with a base", yaml_texts(RUN), _try_detector),
        Kind(
            "efficiency",
            csv_texts([*_CURVE, "efficiency_low", "efficiency_high"], EFFICIENCY),
            _try_efficiency,
        ),
        Kind("events", csv_texts(["cs1", "cs2"], EVENTS), _limit(model)),
        Kind(
            "events under other names",
            csv_texts(["s1c_phd", "log10_cs2"], [[cs1, log10(cs2)] for cs1, cs2 in EVENTS]),
            _limit(model),
        ),
        Kind(
            "spectrum",
            csv_texts(["recoil_energy_keV", "rate_per_kg_day_keV"], SPECTRUM),
            _try_spectrum,
        ),
        Kind(
            "map of a light yield",
            csv_texts(["radius_cm", "z_cm", "relative_yield"], YIELDS),
            _map(detectors["xenon1t"]),
        ),
        Kind(
            "published limits",
            csv_texts(
                ["label", "interaction", "mass_GeV", "cross_section_cm2", "kind", "source"],
                PUBLISHED,
            ),
            _try_published,
        ),
        *more_kinds(study, detectors),
        several_detectors(),
        Kind(
            "bytes of results", some_file(files, lambda file: damages(file.read_bytes())), _damaged
        ),
        Kind(
            "tables of results",
            some_file(files, lambda file: rewritings(pq.read_table(file))),
            _damaged,
        ),
    ]


def _with_decays(detector: dict[str, Any]) -> dict[str, Any]:
    """Add sources of decays and lines to a detector file."""
    more = [
        {"name": f"decay{i}", "label": "decay", "colour": "#009E73", "recoil": "er",
         "rate": "fixed", "spectrum": spectrum}
        for i, spectrum in enumerate(SPECTRA)
    ]  # fmt: skip
    return {**detector, "sources": [*detector["sources"], *more]}


def some_file(
    files: list[Path], strategy: Callable[[Path], st.SearchStrategy[Any]]
) -> st.SearchStrategy[tuple[Path, Any]]:
    """Draw one of some files, and what a strategy makes of it."""
    return st.sampled_from(files).flatmap(lambda file: st.tuples(st.just(file), strategy(file)))


def run(kind: Kind, number: int, folder: Path) -> Outcomes:
    """Try a number of cases of a kind; the same ones each time."""
    outcomes = Outcomes()

    @settings(
        max_examples=number,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(kind.strategy)
    def try_all(case: Any) -> None:
        kind.try_one(case, folder, outcomes)

    try_all()
    return outcomes


def _try_study(text: str, folder: Path, outcomes: Outcomes) -> None:
    file = folder / "mine.yaml"
    file.write_text(text, encoding="utf-8")

    def call() -> None:
        study = load_study(file)
        check_rates(study)
        check_light(study)
        for target in study.targets:
            for place in [*study.wimps[:1], *((s.name, None) for s in study.given_signals)]:
                digest(limits_slice(study, target, *place))

    outcomes.add(text, call, "mine.yaml")


def _with_observed(root: Path) -> dict[str, Any]:
    """A study with little else than observed data, so that these are what is changed."""
    data = {
        "file": str(root / "resources/observed/xenon1t_sr0_events.csv"),
        "columns": {"cs1": "cs1_pe", "cs2_bottom_pe": "cs2_bottom_pe"},
        "livetime_day": 34.2,
    }
    details = {"mass_GeV": 50, "interval": "unified"}
    return {"observed": {"xenon1t": data}, "observed_details": details, "detectors": ["xenon1t"]}


def _try_observed(text: str, folder: Path, outcomes: Outcomes) -> None:
    file = folder / "mine.yaml"
    file.write_text(text, encoding="utf-8")

    def call() -> None:
        study = load_study("config/config.yaml", file)
        check_observed(study, "mine.yaml")
        for name in study.observed:
            place = detailed_place(study, study.interactions[0])
            digest(observed_detail_slice(study, name, *place, detailed_interval(study)))

    outcomes.add(text, call, "mine.yaml")


def _try_detector(text: str, folder: Path, outcomes: Outcomes) -> None:
    file = folder / "mine_detector.yaml"
    file.write_text(text, encoding="utf-8")
    outcomes.add(text, lambda: load_detector(file), "mine_detector.yaml")


def _try_spectrum(content: bytes, folder: Path, outcomes: Outcomes) -> None:
    file = folder / "mine.csv"
    file.write_bytes(content)
    outcomes.add(content, lambda: read_spectrum(file), "mine.csv")


def _try_efficiency(content: bytes, folder: Path, outcomes: Outcomes) -> None:
    file = folder / "mine.csv"
    file.write_bytes(content)
    outcomes.add(content, lambda: read_efficiency("mine", _CURVE[0], None, file), "mine.csv")


def _try_published(content: bytes, folder: Path, outcomes: Outcomes) -> None:
    file = folder / "mine.csv"
    file.write_bytes(content)
    outcomes.add(content, lambda: read_published(file), "mine.csv")


def _map(detector: dict[str, Any]) -> Callable[[bytes, Path, Outcomes], None]:
    """A detector whose light yield is a map."""

    def try_map(content: bytes, folder: Path, outcomes: Outcomes) -> None:
        (folder / "mine.csv").write_bytes(content)
        file = folder / "mine_detector.yaml"
        file.write_text(yaml.safe_dump(detector | {"s1_relative_light_yield": {"map": "mine.csv"}}))
        outcomes.add(content, lambda: load_detector(file), "mine")

    return try_map


def _with_rates(detector: dict[str, Any]) -> dict[str, Any]:
    """A detector whose first sources have rates of all kinds."""
    sources = [
        {key: value for key, value in source.items() if key != "rate"} | known
        for source, known in zip(detector["sources"], KNOWN, strict=False)
    ]
    sources[1]["spectrum"].pop("normalisation", None)
    return detector | {"sources": sources + detector["sources"][len(sources) :]}


def _correlated(study: dict[str, Any]) -> dict[str, Any]:
    """A study with a correlation of two shapes."""
    other = {"name": "light", "parameter": "g1", "relative_width": 0.02, "anchors": [-2, 0, 2]}
    tied = {"parameters": ["leff", "light"], "matrix": [[1, -0.5], [-0.5, 1]]}
    return study | {
        "shapes": [{"name": "leff", "anchors": [-2, 0, 2]}, other],
        "intervals": [{"name": "profiled", "profiled": ["leff", "light"]}],
        "correlations": [tied],
    }


def _captures(study: dict[str, Any]) -> dict[str, Any]:
    """A study in which one source's charge ratio is a nuisance."""
    shape = {
        "name": "capture",
        "parameter": "charge_ratio_xe124",
        "relative_width": 0.05,
        "anchors": [-2, 0, 2],
    }
    return study | {
        "detectors": ["lz_ws2022"],
        "shapes": [shape],
        "intervals": [{"name": "profiled", "profiled": ["capture"]}],
        "published": {},
    }


def _from_file(histogram: str | None) -> dict[str, Any]:
    """A source whose template is a file, or one of the histograms in it."""
    file = {"path": "mine.csv", "exposure_kg_day": 1e4}
    file |= {} if histogram is None else {"histogram": histogram}
    return {"name": "a", "label": "a", "colour": "#000000", "rate": "fixed", "template": file}


def _histograms(kind: str) -> bytes:
    """What a file of `BINS` holds in HDF5 or ROOT, with a histogram for each anchor."""
    rows = np.array(BINS).reshape(2, 2, 2, -1)
    edges = [np.array([3.0, 40, 70]), np.array([50.0, 500, 8000])]
    contents, variances = (
        {f"a_{leff}": rows[k, :, :, column] for k, leff in enumerate((0, 2))} for column in (5, 6)
    )
    with TemporaryDirectory() as folder:
        file = WRITERS[kind](Path(folder) / "mine", contents, edges, ("cs1", "cs2"), variances)
        return file.read_bytes()


def _template(
    detector: dict[str, Any], histogram: str | None = None
) -> Callable[[bytes, Path, Outcomes], None]:
    """A detector with a background from a file, whose bins are those of its analysis space."""
    axes = {axis: settings | {"bins": 1} for axis, settings in detector["analysis_space"].items()}
    changes = {"sources": [_from_file(histogram)], "analysis_space": axes}

    def try_template(content: bytes, folder: Path, outcomes: Outcomes) -> None:
        (folder / "mine.csv").write_bytes(content)
        mine = folder / "mine_detector.yaml"
        mine.write_text(yaml.safe_dump(detector | changes))

        def call() -> None:
            loaded = load_detector(mine)
            rebinned(read_histogram(folder / "mine.csv", histogram), loaded.space, "mine.csv")

        outcomes.add(content, call, "mine")

    return try_template


def _try_detector_beside(content: bytes) -> Callable[[str, Path, Outcomes], None]:
    """A detector beside a file that is as it should be."""

    def try_detector(text: str, folder: Path, outcomes: Outcomes) -> None:
        (folder / "mine.csv").write_bytes(content)
        _try_detector(text, folder, outcomes)

    return try_detector


def _limit(model: Model) -> Callable[[bytes, Path, Outcomes], None]:
    model.limit(pd.DataFrame(EVENTS, columns=["cs1", "cs2"]))  # kernels may have to be compiled

    def try_events(content: bytes, folder: Path, outcomes: Outcomes) -> None:
        file = folder / "mine.csv"
        file.write_bytes(content)
        outcomes.add(content, lambda: model.limit(file), "mine.csv")

    return try_events


def _damaged(case: tuple[Path, bytes | pa.Table], folder: Path, outcomes: Outcomes) -> None:
    """Read a damaged file; to take it is right only where it holds what it did."""
    file, content = case
    copy = folder / file.name
    if isinstance(content, bytes):
        copy.write_bytes(content)
    else:
        pq.write_table(content, copy)

    def call() -> None:
        damaged, metadata = read_parquet(copy)
        table, known = read_parquet(file)
        if metadata != known or not damaged.equals(table):
            raise AssertionError("used silently")

    outcomes.add(f"{file}: {type(content).__name__}", call, file.name)
