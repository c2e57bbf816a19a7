"""Compile the kernels into the user's cache: what runs first then does not wait for them."""

from zeptobarn.study import load_study
from zeptobarn.warmup import compile_kernels

compile_kernels(load_study("config/config.yaml"))
