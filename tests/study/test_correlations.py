"""Correlated nuisances and shared rates: what is refused, and what results depend on."""

import dataclasses

import pytest
import yaml

from zeptobarn.study.correlations import Correlation, check_shared
from zeptobarn.study.loading import load_study
from zeptobarn.study.slices.limits import limits_slice
from zeptobarn.study.slices.toys import toys_slice
from zeptobarn.support.config import ConfigError

SHAPES = {
    "shapes": [
        {"name": "leff", "anchors": [-2, 0, 2]},
        {"name": "g1", "anchors": [-2, 0, 2], "relative_width": 0.02},
    ],
    "intervals": [{"name": "profiled", "profiled": ["leff", "g1"]}],
}
GOOD = [[1, -0.5], [-0.5, 1]]


def load(tmp_path, *correlations, **changes):
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(yaml.safe_dump(SHAPES | {"correlations": list(correlations)} | changes))
    return load_study("config/config.yaml", overlay)


def entry(parameters=("leff", "g1"), matrix=GOOD):
    return {"parameters": list(parameters), "matrix": matrix}


@pytest.mark.parametrize(
    ("correlations", "message"),
    [
        ([entry(["leff", "g2"])], r"correlations\[0\].parameters: found 'g2', which is none"),
        ([entry(["leff", "lz_er_rate"])], "'lz_er_rate', without a normal constraint; allowed: g1"),
        ([entry(), entry()], r"correlations\[1\].parameters: found leff twice"),
        ([entry(matrix=[[1, 0.5], [0.4, 1]])], "matrix: found .* symmetric and 1 on the diagonal"),
        ([entry(matrix=[[1, 0.5], [0.5, 0.9]])], "symmetric and 1 on the diagonal"),
        ([entry(matrix=[[1, 1], [1, 1]])], "smallest eigenvalue of .*no nuisances are correlated"),
        ([entry(matrix=[[1, 0.5, 0], [0.5, 1, 0]])], r"found rows of \[3, 3\] numbers; allowed: 2"),
        ([entry(matrix=[[1, 2], [2, 1]])], r"found 2; allowed: ≤ 1"),
        ([entry(["leff", "leff"])], "each once"),
    ],
)
def test_refused(tmp_path, correlations, message):
    with pytest.raises(ConfigError, match=message):
        load(tmp_path, *correlations)


def test_results_depend_on_the_correlations_of_their_own_nuisances(tmp_path):
    """Those of another detector, and none at all, change nothing."""
    plain, tied = load(tmp_path), load(tmp_path, entry())
    place = "xenon1t", "SI", 50
    assert limits_slice(plain, *place) != limits_slice(tied, *place)
    assert toys_slice(plain, "lz")["shapes"] == toys_slice(tied, "lz")["shapes"]
    assert toys_slice(tied, "lz")["correlations"] == [[("leff", "g1"), ((1, -0.5), (-0.5, 1))]]
    only = [dict(shape, detectors=["lz"]) for shape in SHAPES["shapes"]]
    plain, tied = load(tmp_path, shapes=only), load(tmp_path, entry(), shapes=only)
    assert toys_slice(plain, "xenon1t") == toys_slice(tied, "xenon1t")
    assert toys_slice(plain, "lz") != toys_slice(tied, "lz")
    assert "correlations" not in toys_slice(plain, "lz")


def test_a_shared_rate_is_the_same_in_all_detectors(small_study):
    study = dataclasses.replace(small_study, combined={"both": ("xenon1t", "lz")})

    def with_er(**keys):
        detectors = dict(study.detectors)
        for name, values in keys.items():
            detector = detectors[name]
            sources = [
                dataclasses.replace(s, **values) if s.name == "er" else s for s in detector.sources
            ]
            detectors[name] = dataclasses.replace(detector, sources=tuple(sources))
        return dataclasses.replace(study, detectors=detectors)

    normal = {"shared": True, "rate": "normal", "rate_width": 0.1}
    check_shared(with_er(xenon1t=normal, lz=normal | {"rate_width": 0.1 * (1 + 1e-8)}), "here")
    for other, message in (
        (
            {"rate": "normal", "rate_width": 0.1},
            r"found normal \(0.1; shared: true\) in xenon1t and",
        ),
        (normal | {"rate_width": 0.2}, r"normal \(0.2; shared: true\) in lz; allowed: shared"),
        (normal | {"rate": "log_normal"}, "and log_normal"),
        (
            {"shared": True, "rate": "uniform", "rate_width": 0.1, "rate_range": (0.0, 2.0)},
            r"uniform \(range \[0.0, 2.0\]",
        ),
    ):
        with pytest.raises(ConfigError, match=message):
            check_shared(with_er(xenon1t=normal, lz=other), "here")
        check_shared(dataclasses.replace(with_er(xenon1t=normal, lz=other), combined={}), "here")


def test_part_of_a_correlation():
    matrix = ((1, 0.5, 0.1), (0.5, 1, 0.2), (0.1, 0.2, 1))
    found = Correlation(("a", "b", "c"), matrix).among(["c", "a"])
    assert found.tolist() == [[1, 0.1], [0.1, 1]]
