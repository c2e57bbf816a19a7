"""What a schema cannot say of a detector: numbers that are allowed one by one, and not together."""

from collections.abc import Mapping
from itertools import pairwise
from math import inf
from typing import Any

import numpy as np

from zeptobarn.physics.apparatus import LIGHT_YIELDS, MODELS, Apparatus, LightYield, Recoil
from zeptobarn.physics.decays import decay
from zeptobarn.support.config import ConfigError
from zeptobarn.support.mathtext import unreadable

# Of electrons that drift as long as that, one in 400 arrives; a lifetime in ms or a velocity in
# cm/µs is beyond it.
_MOST_LIFETIMES = 6
# Keys of a decay's spectrum, and those that say the same otherwise.
_EXCLUSIVE = {"isotope": ("q_value_keV", "daughter_z"), "normalisation": ("rate_per_kg_day",)}


def check_detector(settings: Mapping[str, Any], apparatus: Apparatus, origin: str) -> None:
    """Check what a schema cannot say of a detector file.

    Parameters
    ----------
    settings
        Its content, which the schema has allowed.
    apparatus
        Made from it.
    origin
        File name for messages.

    Raises
    ------
    ConfigError
        Numbers contradict each other; the message names them.
    """
    bottom, top = apparatus.fiducial_z_cm
    if bottom >= top:
        raise ConfigError(
            f"{origin}: fiducial_z_cm: found [{bottom}, {top}]; allowed: the bottom below the top"
        )
    mass = apparatus.cylinder_mass_kg
    if not 0.5 < mass / settings["fiducial_mass_kg"] < 2:
        raise ConfigError(
            f"{origin}: fiducial_mass_kg: found {settings['fiducial_mass_kg']}; the fiducial "
            f"cylinder holds about {mass:.0f} kg of liquid xenon"
        )
    for axis, limits in settings["analysis_space"].items():
        if limits["low"] >= limits["high"]:
            raise ConfigError(
                f"{origin}: analysis_space.{axis}: found low {limits['low']}, high "
                f"{limits['high']}; allowed: low < high"
            )
    for recoil in ("nr", "er"):
        low, high = apparatus.response_cutoff_keV[recoil], apparatus.response_max_keV[recoil]
        if low >= high:
            raise ConfigError(
                f"{origin}: response_max_keV.{recoil}: found {high}; allowed: > "
                f"response_cutoff_keV.{recoil} = {low}"
            )
    if apparatus.apply_bias and not ("s1_bias" in settings and "s2_bias" in settings):
        raise ConfigError(f"{origin}: apply_bias: true needs s1_bias and s2_bias")
    for key in ("s1_bias", "s2_bias"):
        if np.any(np.diff([row[0] for row in getattr(apparatus, key)]) <= 0):
            raise ConfigError(f"{origin}: {key}: sizes must increase from row to row")
    check_apparatus(apparatus, origin)
    _check_texts(settings, origin)
    _check_sources(settings, apparatus, origin)


def check_apparatus(apparatus: Apparatus, origin: str) -> None:
    """Check that electrons live long enough to drift, and that light yields make sense.

    Raises
    ------
    ConfigError
        They do not; the message begins with the origin.
    """
    if apparatus.drift_lifetimes > _MOST_LIFETIMES:
        longest_us = -apparatus.fiducial_z_cm[0] * apparatus.us_per_cm
        key, lifetime_us = min(
            ("electron_lifetime_us", apparatus.electron_lifetime_us),
            ("correction_lifetime_us", apparatus.corrected_with_us),
            key=lambda pair: pair[1],
        )
        raise ConfigError(
            f"{origin}: {key}: found {lifetime_us:g} µs; the longest drift, from "
            f"fiducial_z_cm[0] = {apparatus.fiducial_z_cm[0]:g} at drift_velocity_mm_per_us = "
            f"{apparatus.drift_velocity_mm_per_us:g}, takes {longest_us:.4g} µs, "
            f"{apparatus.drift_lifetimes:.3g} lifetimes; allowed: ≤ {_MOST_LIFETIMES}"
        )
    for key in LIGHT_YIELDS:
        _check_light_yield(apparatus, key, f"{origin}: {key}")


def _check_texts(settings: Mapping[str, Any], origin: str) -> None:
    """Figures show them, at the end of a study."""
    labels = {f"sources[{i}].label": s["label"] for i, s in enumerate(settings["sources"])}
    texts = {"title": settings["title"], "signal.label": settings["signal"]["label"], **labels}
    for key, text in texts.items():
        if reason := unreadable(text):
            raise ConfigError(f"{origin}: {key}: found {text!r}: {reason}")


def _check_sources(settings: Mapping[str, Any], apparatus: Apparatus, origin: str) -> None:
    names = [source["name"] for source in settings["sources"]]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f"{origin}: sources: name {repeated[0]!r} is used twice")
    if "wimp" in names:
        raise ConfigError(f"{origin}: sources: found the name 'wimp', which is the signal's")
    if not any(source.get("rate_multiplier", 1) > 0 for source in settings["sources"]):
        raise ConfigError(f"{origin}: sources: found no rate_multiplier above 0; needed: one")
    for index, source in enumerate(settings["sources"]):
        place = f"{origin}: sources[{index}]"
        _check_yields(source, place)
        if kinds := [key for key in ("formula", "template") if key in source]:
            _check_alone(source, kinds[0], place)
        if "formula" in source:
            _check_formula(source, place)
        elif "template" in source:
            continue
        else:
            _check_spectrum(source["spectrum"], f"{place}.spectrum")
            _check_overlap(source, apparatus, f"{place}.spectrum")


def _check_yields(source: Mapping[str, Any], place: str) -> None:
    """Yields of a source's own are of its recoil type."""
    recoil = source.get("recoil")
    for key in ("yields", "charge_ratio"):
        if key in source and recoil is None:
            raise ConfigError(f"{place}.{key}: found it without recoil; allowed: with recoil: er")
    if "charge_ratio" in source and recoil != "er":
        raise ConfigError(
            f"{place}.charge_ratio: found it with recoil: {recoil}; allowed: with recoil: er"
        )
    if "yields" in source and source["yields"] not in MODELS[str(recoil)]:
        raise ConfigError(
            f"{place}.yields: found {source['yields']} with recoil: {recoil}; allowed: "
            f"{', '.join(MODELS[str(recoil)])}"
        )


def _check_alone(source: Mapping[str, Any], kind: str, place: str) -> None:
    """Check that a source without recoils has nothing that only those with recoils have."""
    others = {"recoil", "spectrum", "n_events", "formula", "template"} - {kind}
    if wrong := sorted(others & set(source)):
        raise ConfigError(
            f"{place}: found {wrong[0]} beside {kind}; allowed: a formula, a template, or recoil, "
            "spectrum and n_events"
        )


def _check_formula(source: Mapping[str, Any], place: str) -> None:
    for axis in ("cs1", "cs2"):
        points = source["formula"][axis].get("points", [])
        if any(one[0] >= other[0] for one, other in pairwise(points)):
            raise ConfigError(f"{place}.formula.{axis}.points: areas must increase")


def _check_spectrum(spectrum: Mapping[str, Any], place: str) -> None:
    low, high = _range(spectrum)
    for one, others in _EXCLUSIVE.items():
        if one in spectrum and (beside := [key for key in others if key in spectrum]):
            raise ConfigError(f"{place}: found {beside[0]} beside {one}; allowed: one of them")
    if "range_keV" in spectrum and low >= high:
        raise ConfigError(f"{place}.range_keV: found [{low}, {high}]; allowed: low < high")
    if spectrum["kind"] == "exponentials":
        if len(spectrum["scales_keV"]) != len(spectrum["amplitudes_per_kg_day_keV"]):
            raise ConfigError(f"{place}: as many scales_keV as amplitudes_per_kg_day_keV needed")
        if low <= 0:
            raise ConfigError(f"{place}.range_keV: found [{low}, {high}]; allowed: above 0")
        if not any(spectrum["amplitudes_per_kg_day_keV"]):
            raise ConfigError(
                f"{place}.amplitudes_per_kg_day_keV: found 0 only; needed: one above 0"
            )
    if "normalisation" in spectrum:
        _check_normalisation(spectrum, (low, high), place)


def _check_normalisation(
    spectrum: Mapping[str, Any], ends: tuple[float, float], place: str
) -> None:
    """The range counted lies inside the spectrum; of lines, it holds one."""
    first, last = spectrum["normalisation"]["range_keV"]
    if spectrum["kind"] == "lines":
        energies = [line["energy_keV"] for line in spectrum["lines"] if line["rate_per_kg_day"]]
        if not any(first < 0.99 * energy and 1.01 * energy < last for energy in energies):
            raise ConfigError(
                f"{place}.normalisation.range_keV: found [{first}, {last}]; allowed: around one of "
                f"the lines with a rate, {energies} keV, by 1 % and more"
            )
    elif not ends[0] <= first < last <= ends[1]:
        raise ConfigError(
            f"{place}.normalisation.range_keV: found [{first}, {last}]; allowed: low < high, "
            f"inside [{ends[0]}, {ends[1]}]"
        )


def _range(spectrum: Mapping[str, Any]) -> tuple[float, float]:
    """Lowest and highest energy (keV) of a spectrum; of a file, any."""
    if spectrum["kind"] == "lines":
        energies = [line["energy_keV"] for line in spectrum["lines"]]
        return min(energies), max(energies)
    if spectrum["kind"] in ("beta", "two_neutrino_double_beta"):
        return 0, decay(spectrum)[0]
    low, high = spectrum.get("range_keV", (0, inf))
    return low, high


def _check_overlap(source: Mapping[str, Any], apparatus: Apparatus, place: str) -> None:
    """Some recoils of a spectrum have an energy that the response has; not so if it is in eV."""
    low, high = _range(source["spectrum"])
    key = {"lines": "lines", "flat": "range_keV", "exponentials": "range_keV"}
    place = f"{place}.{key.get(source['spectrum']['kind'], 'q_value_keV')}"
    recoil: Recoil = source["recoil"]
    first, last = apparatus.response_cutoff_keV[recoil], apparatus.response_max_keV[recoil]
    if low >= last or high <= first:
        raise ConfigError(
            f"{place}: found [{low}, {high}], of which nothing is seen; allowed: some of "
            f"response_cutoff_keV.{recoil} = {first} to response_max_keV.{recoil} = {last} keV"
        )


def _check_light_yield(apparatus: Apparatus, key: str, place: str) -> None:
    (bottom, top), radius = apparatus.fiducial_z_cm, apparatus.fiducial_radius_cm
    light_yield: LightYield = getattr(apparatus, key)
    if len({len(row) for row in light_yield.coefficients}) > 1:
        raise ConfigError(f"{place}.coefficients: rows of different length")
    if light_yield.radius_cm:
        place += f": {light_yield.map}"
        for name, low, high in (("radius_cm", 0, radius), ("z_cm", bottom, top)):
            first, last = getattr(light_yield, name)[0], getattr(light_yield, name)[-1]
            if not first <= low < high <= last:
                raise ConfigError(
                    f"{place}: {name} reaches from {first:g} to {last:g}; "
                    f"needed: the fiducial volume, {low:g} to {high:g} (nothing is extrapolated)"
                )
    yields = apparatus.everywhere(light_yield)
    largest = 1 / apparatus.g1 if key.startswith("s1") else np.inf
    if not (np.all(yields > 0) and np.all(yields <= largest)):
        allowed = "> 0" + (f" and ≤ 1/g1 = {largest:.3g}" if np.isfinite(largest) else "")
        raise ConfigError(
            f"{place}: found {yields.min():.3g} to {yields.max():.3g} in the fiducial volume; "
            f"allowed: {allowed}"
        )
