"""The configuration as checked objects, and how to speak of them.

A study with its detectors, intervals and shape parameters; which part of the configuration a result
depends on (slices); detectors with changed numbers; and the words that labels and captions use.
"""
