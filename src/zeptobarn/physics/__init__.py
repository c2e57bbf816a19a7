"""Xenon, detectors and dark matter: arrays and small dataclasses in, arrays out.

The halo and recoil rates, yields, a detector's numbers and light maps, recoils simulated one by one
(`simulate`) or integrated (`quadrature`), backgrounds that are formulas, and which signals can
occur at all. Thresholds cut in `simulate`, in `areas` for the quadrature, and in `thresholds` for
formulas. Nothing here knows a study or where its results lie.
"""
