"""What limits are set on: a WIMP of a mass, or a recoil spectrum that was given."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from zeptobarn.physics.apparatus import Recoil
from zeptobarn.support import paths

RECOILS: tuple[Recoil, ...] = ("nr", "er")
# Unit of a limit on a given spectrum, where the study has no other words for it.
AS_GIVEN = "the given spectrum"


@dataclass(frozen=True)
class Signal:
    """What a limit is set on.

    Attributes
    ----------
    interaction, mass_GeV
        Interaction and mass (GeV/c²) of a WIMP; the name of a given signal, and None.
    label
        Name in tables and figures.
    unit
        What limits are in: cm² of a WIMP; of a given signal, how much of it the given spectrum is,
        in the words of the study.
    recoils
        Recoil types of its spectra: one, or both, which are then of the same events' rate.
    colour
        In figures; none of a WIMP, which has one in each detector.
    files
        Files of the spectra that were given, by recoil type.
    """

    interaction: str
    mass_GeV: float | None
    label: str
    unit: str
    recoils: tuple[Recoil, ...]
    colour: str = ""
    files: Mapping[Recoil, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of its source, and of its templates."""
        if self.mass_GeV is None:
            return self.interaction
        return paths.wimp_source(self.interaction, self.mass_GeV)

    @property
    def brief(self) -> str:
        """What tells it apart where its interaction is known: a WIMP's mass, or its label."""
        return self.label if self.mass_GeV is None else f"{paths.number(self.mass_GeV)} GeV/c²"

    @property
    def path(self) -> str:
        """What stands for it in the paths of results."""
        if self.mass_GeV is None:
            return self.interaction
        return f"{self.interaction}/{paths.number(self.mass_GeV)}GeV"

    @property
    def ending(self) -> str:
        """What the names of columns in the limits' unit end in."""
        return "rate_multiplier" if self.mass_GeV is None else "cm2"

    @property
    def spectra(self) -> dict[Recoil, str]:
        """Names of its spectra by recoil type."""
        if self.mass_GeV is None:
            return {recoil: f"{self.name}_{recoil}" for recoil in self.recoils}
        return dict.fromkeys(self.recoils, self.name)


def wimp(interaction: str, mass_GeV: float, recoil: Recoil) -> Signal:
    """Make the signal of a WIMP."""
    label = f"WIMP {interaction} {paths.number(mass_GeV)} GeV/c²"
    return Signal(interaction, mass_GeV, label, "cm²", (recoil,))
