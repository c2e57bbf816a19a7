"""Compile the kernels into the user's cache: what runs first then does not wait for them."""

from zeptobarn.cli.warmup import compile_kernels
from zeptobarn.study.loading import load_study

compile_kernels(load_study("config/config.yaml"))
