"""A run whose backgrounds are what a paper says of them: numbers, ranges and a histogram."""

import itertools

import numpy as np
import pandas as pd
import pytest
import yaml

from zeptobarn.physics.detector import load_detector

pytestmark = pytest.mark.slow

# Of each source, what takes the place of its rate (and of other normalisations).
KNOWN = {
    "er": {"expected_events": 70, "uncertainty": 7},
    "neutrons": {"expected_events": 0, "uncertainty": 0.4},
    "cevns_8b": {"expected_events": 0.3, "rate": {"constraint": "uniform", "range_events": [0, 2]}},
}


def histogram(workflow, file):
    """A background that is flat, in 67 × 70 bins of the analysis space split in two in cS1."""
    space = load_detector(workflow.folder / "config/detectors/xenon1t.yaml").space
    cs1 = np.linspace(space.cs1_edges[0], space.cs1_edges[-1], 2 * space.shape[0] + 1)
    rows = [
        [*a, *b, 1.0, 0.01]
        for a, b in itertools.product(itertools.pairwise(cs1), itertools.pairwise(space.cs2_edges))
    ]
    edges = ["cs1_low", "cs1_high", "cs2_low", "cs2_high"]
    table = pd.DataFrame(rows, columns=[*edges, "expected_events", "variance"])
    table.to_csv(workflow.folder / "config/detectors" / file, index=False)


def test_a_run_with_them(workflow):
    """Templates, datasets, limits and the summary are made, and hold what was said."""
    histogram(workflow, "flat.csv")
    path = workflow.folder / "config/detectors/xenon1t.yaml"
    detector = yaml.safe_load(path.read_text())
    for source in detector["sources"]:
        if known := KNOWN.get(source["name"]):
            source.pop("rate")
            source |= known
    same = {key: detector["sources"][0][key] for key in ("label", "colour")}
    file = {"name": "flat", **same, "rate": "free", "expected_events": 5}
    detector["sources"].append(file | {"template": {"path": "flat.csv"}})
    path.write_text(yaml.safe_dump(detector))
    pair = ["xenon1t_er_rate", "leff"]
    done = workflow.run(
        correlations=[{"parameters": pair, "matrix": [[1, 0.6], [0.6, 1]]}], trials=100
    )
    assert done.returncode == 0, done.stderr
    results = workflow.folder / "results"
    sums = {
        source: pd.read_parquet(results / f"templates/xenon1t/{source}.parquet")
        for source in ("er", "neutrons", "flat", "cevns_8b")
    }
    assert sums["er"]["expected_events"].sum() == pytest.approx(70)
    assert sums["flat"]["expected_events"].sum() == pytest.approx(5)
    nr = sums["neutrons"].groupby("leff")["expected_events"].sum()
    assert nr[0] == pytest.approx(0.4)
    assert (abs(nr[[-2, 2]] - 0.4) > 0.004).all()
    truth = pd.concat(map(pd.read_parquet, sorted(results.glob("toys/xenon1t/*.truth.parquet"))))
    centres = truth.pivot(index="trial", columns="parameter", values="constraint_centre")
    assert np.corrcoef(centres["er_rate"], centres["leff"])[0, 1] == pytest.approx(0.6, abs=0.25)
    assert centres[["cevns_8b_rate", "flat_rate"]].isna().all(axis=None)
    values = truth.groupby("parameter")["true_value"].first()
    assert (values["neutrons_rate"], values["cevns_8b_rate"], values["er_rate"]) == (0, 1, 1)
    limits = pd.concat(map(pd.read_parquet, sorted(results.glob("limits/xenon1t/SI/50GeV/*"))))
    assert len(limits) == 3 * 100
    assert limits["limit_cm2"].notna().all()
    assert limits["best_fit_cevns_8b_rate"].between(0, 2 / 0.3 + 1e-9).all()
    summary = pd.read_csv(results / "summary/limits.csv")
    assert (summary["n_failed"] == 0).all()
