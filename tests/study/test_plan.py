"""The size of a study is known before Snakemake lists its jobs."""

from dataclasses import replace

import pytest

from zeptobarn.study.loading import load_study
from zeptobarn.study.plan import check_size, count_jobs, size_remark
from zeptobarn.support.config import ConfigError


def test_counts_of_the_default_study():
    """2 detectors, 16 masses, 2 batches, 2 truths; leff has 14 anchors, and ER none."""
    assert count_jobs(load_study()) == {
        "spectra": 16 + 8,
        "responses": 2 * (14 + 1),
        "templates": 2 * 16 + 9 + 7,
        "batches of datasets": 2 * 2 * 2,
        "calibrations": 2 * 16,
        "batches of limits": 2 * 16 * 2,
    }


@pytest.mark.parametrize("trials", [10**7, 10**12])
def test_too_many_jobs_are_refused_at_once(trials):
    study = replace(load_study(), trials=trials, trials_per_batch=1)
    with pytest.raises(ConfigError, match=r"allowed: 100000 in all: more trials_per_batch") as e:
        check_size(study, "mine.yaml")
    assert f"{32 * trials} batches of limits" in str(e.value)


def test_a_large_plan_is_named():
    study = load_study()
    assert size_remark(study) == ""
    large = size_remark(replace(study, trials=1000, trials_per_batch=2))
    assert large.startswith("The study is 18134 jobs (24 spectra, ")
