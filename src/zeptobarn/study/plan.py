"""How many jobs a study is, before Snakemake lists them."""

from math import ceil, prod

from zeptobarn.study.study import Study
from zeptobarn.support.config import ConfigError

# Snakemake lists jobs one by one before it starts; ten times fewer are worth a word.
MOST_JOBS = 100_000
_MANY_JOBS = 10_000


def count_jobs(study: Study) -> dict[str, int]:
    """Count the jobs of each kind, but for the figures and tables at the end."""
    n_batches = ceil(study.trials / study.trials_per_batch)
    n_signals = len(study.places)
    models = len(study.targets) * n_signals
    detectors = study.detectors.values()
    signals = {recoil for place in study.places for recoil in study.tested(*place).recoils}
    responses = [
        prod(len(shape.anchors) for shape in study.shapes_of(detector.name, response))
        for detector in detectors
        for response in {detector.response(source) for source in detector.sources} | signals
        if response is not None
    ]
    return {
        "spectra": len(study.wimps) + len(study.given_spectra()) + len(study.spectra()),
        "responses": sum(responses),
        "templates": sum(n_signals + len(detector.sources) for detector in detectors),
        "batches of datasets": len(study.detectors) * len(study.truths) * n_batches,
        "calibrations": models * (study.critical_values == "toys"),
        "batches of limits": models * n_batches,
    }


def check_size(study: Study, origin: str) -> None:
    """Refuse a study of more jobs than Snakemake can plan.

    Raises
    ------
    ConfigError
        The message says how many of each kind.
    """
    if sum(count_jobs(study).values()) > MOST_JOBS:
        raise ConfigError(
            f"{origin}: found {_listed(study)}; allowed: {MOST_JOBS} in all: more trials_per_batch "
            f"(found {study.trials_per_batch}), or fewer trials ({study.trials}), masses_GeV "
            f"({len(study.masses_GeV)}) or anchors"
        )


def size_remark(study: Study) -> str:
    """Say how large a plan is, where it is large; else nothing."""
    if sum(count_jobs(study).values()) <= _MANY_JOBS:
        return ""
    return f"The study is {_listed(study)}: planning takes a while."


def _listed(study: Study) -> str:
    jobs = count_jobs(study)
    kinds = ", ".join(f"{n} {kind}" for kind, n in jobs.items() if n)
    return f"{sum(jobs.values())} jobs ({kinds})"
