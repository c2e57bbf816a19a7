"""What is expected, and datasets: spectra, responses, templates, toys.

A spectrum folded with a response is a template: expected events per bin of (cS1, cS2) at each
anchor of the shape parameters. Datasets are thrown from templates, and observed events are sorted
into the same bins. Kinds of backgrounds are kinds of spectra (`spectra`), or formulas of areas
without a recoil (`zeptobarn.physics.formulas`).
"""
