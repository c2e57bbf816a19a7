"""zeptobarn: which WIMP cross section does a liquid-xenon detector exclude, and how sure are we?

The names below are imported when they are first used, so that ``import zeptobarn`` costs
neither a numba compilation nor matplotlib.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zeptobarn.inference.answers import Limit as Limit
    from zeptobarn.inference.load import load_model as load_model
    from zeptobarn.inference.model import Model as Model
    from zeptobarn.physics.detector import Detector as Detector
    from zeptobarn.physics.detector import Source as Source
    from zeptobarn.physics.detector import load_detector as load_detector
    from zeptobarn.study.loading import load_study as load_study
    from zeptobarn.study.settings import Interval as Interval
    from zeptobarn.study.shapes import Shape as Shape
    from zeptobarn.study.study import Study as Study
    from zeptobarn.summary.recast import Recast as Recast
    from zeptobarn.summary.recast import recast as recast
    from zeptobarn.templates.spectra import wimp_spectrum as wimp_spectrum

__version__ = version("zeptobarn")

_HOME = {
    "load_study": "zeptobarn.study.loading",
    "Study": "zeptobarn.study.study",
    "Interval": "zeptobarn.study.study",
    "Shape": "zeptobarn.study.study",
    "load_detector": "zeptobarn.physics.detector",
    "Detector": "zeptobarn.physics.detector",
    "Source": "zeptobarn.physics.detector",
    "wimp_spectrum": "zeptobarn.templates.spectra",
    "load_model": "zeptobarn.inference.load",
    "Model": "zeptobarn.inference.model",
    "Limit": "zeptobarn.inference.answers",
    "recast": "zeptobarn.summary.recast",
    "Recast": "zeptobarn.summary.recast",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'zeptobarn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
