"""Slices: the part of the configuration that a step's result depends on, one module a step.

A result keeps the hash of its slice, and Snakemake repeats a job when its slice changes.
"""
