"""Limits of trials that nobody threw."""

import numpy as np
import pandas as pd


def limits(values, status="ok", interval="profiled", mass=50.0):
    """Rows of a limits file with the columns that a summary reads."""
    values = np.asarray(values, dtype=float)
    status = [status] * len(values) if isinstance(status, str) else status
    return pd.DataFrame(
        {
            "detector": "lz",
            "interaction": "SI",
            "mass_GeV": mass,
            "trial": np.arange(1, len(values) + 1),
            "interval": interval,
            "limit_cm2": values,
            "calibration_error_cm2": np.nan,
            "asymptotic_limit_cm2": 0.5 * np.asarray(values, dtype=float),
            "signal_likeness": np.nan,
            "status": status,
        }
    )
