"""What a spectrum depends on."""

from dataclasses import asdict
from typing import Any

from zeptobarn.physics.halo import HALOS
from zeptobarn.study.study import Study
from zeptobarn.support.inputs import file_digest


def spectrum_slice(study: Study, name: str) -> dict[str, Any]:
    """Give the configuration that a spectrum depends on."""
    if signal := study.signal(name):
        return {"interaction": signal[0], "mass_GeV": signal[1], "halo": asdict(HALOS[study.halo])}
    if name in (given := study.given_spectra()):
        return {"content": file_digest(given[name])}
    settings = dict(study.spectra()[name])
    if "path" in settings:
        settings["content"] = file_digest(settings.pop("path"))
    return settings
