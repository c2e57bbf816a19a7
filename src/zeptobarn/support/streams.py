"""Independent, reproducible random streams, addressed by name."""

import hashlib
import json

import numpy as np


def stream(seed: int, *address: str | int) -> np.random.Generator:
    """Give the random generator that belongs to an address.

    The stream depends on the seed and the address alone: not on how many streams exist, in
    which order they are used, or on how many threads. Names enter by SHA-256.

    Parameters
    ----------
    seed
        The study's seed.
    address
        Names and numbers that say whose stream this is, e.g. ``"toys", "lz", 17``.

    Examples
    --------
    >>> a, b = stream(1, "toys", "lz", 17), stream(1, "toys", "lz", 17)
    >>> bool(a.random() == b.random())
    True
    >>> bool(a.random() == stream(1, "toys", "lz", 18).random())
    False
    """
    digest = hashlib.sha256(json.dumps([seed, *address]).encode()).digest()
    return np.random.Generator(np.random.SFC64(int.from_bytes(digest, "big")))
