"""Draw the baselines anew: `python tests/figures/renew_baselines.py`, then look at each."""

from pathlib import Path

import handmade
from drawing import coarse
from PIL import Image

from zeptobarn.figures import coverage, failure_tables, limits, medians, spectra, templates, yields

FOLDER = Path(__file__).parent / "baseline"


def pictures():
    """What draws each of the baselines, by name."""
    study = handmade.study()
    summary, published = handmade.summary(study), [handmade.published()]
    lz = (handmade.templates(study, "lz"), handmade.dataset())
    return {
        "limits_detector": lambda files: limits.draw_detector(
            study, "xenon1t", "SI", summary, published, files
        ),
        "limits_together": lambda files: limits.draw_together(
            study, "SI", summary, published, files
        ),
        "spectra": lambda files: spectra.draw(study, "SI", handmade.spectra(study), files),
        "yields": lambda files: yields.draw(study, "lz", files),
        "bands": lambda files: templates.draw_bands(study, "lz", *lz, files),
        "coverage": lambda files: coverage.draw_coverage(
            study, "lz", handmade.coverage(study), files
        ),
        "failures_bound": lambda files: failure_tables.draw_tables(
            study, "xenon1t", handmade.scan_of_bounds(), {"bound": files}
        ),
        "medians": lambda files: medians.draw(study, "lz", 50, *handmade.two_ways(), files),
    }


def draw(picture, file):
    """Draw one with few dots and few colours, so that its file is small."""
    with coarse(60):
        picture([file])
    Image.open(file).convert("RGB").quantize(256).save(file, optimize=True)


if __name__ == "__main__":
    for name, picture in pictures().items():
        draw(picture, FOLDER / f"{name}.png")
