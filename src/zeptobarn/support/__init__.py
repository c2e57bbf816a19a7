"""What every floor may use; no physics and no statistics.

Result files and their metadata (their columns stand in the modules that make them), configuration
files and schemas, names of results, random streams, numba kernels with their cache and the hash of
the source that they follow, logs of jobs. Nothing here knows what a detector is, and this folder
imports no other.
"""
