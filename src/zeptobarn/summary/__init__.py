"""Over many trials, masses and settings: medians, bands, Asimov limits, tables.

What the workflow writes beyond the limits themselves, and the numbers that its figures show: pulls,
likelihood curves, single datasets, two ways to a median, dependence on a detector's numbers.
"""
