"""Xenon, detectors and dark matter: arrays and small dataclasses in, arrays out.

The halo and recoil rates, yields, a detector's numbers and light maps, recoils simulated one by one
or integrated (`simulate` and `quadrature`: both hold thresholds and acceptance), backgrounds that
are formulas, and which signals can occur at all. Nothing here knows a study or where its results
lie.
"""
