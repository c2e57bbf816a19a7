"""What comes with the package: configurations, schemas, detectors, spectra, published limits.

A wheel holds these files in a folder of its own; an installation for development has those of the
checkout.
"""

from pathlib import Path


def shipped() -> Path:
    """Folder that holds ``config`` and ``resources``."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "shipped"
    return inside if inside.is_dir() else package.parents[1]


def names_of_detectors() -> list[str]:
    """Names of the detectors that are shipped."""
    return sorted(file.stem for file in (shipped() / "config/detectors").glob("*.yaml"))
