"""Histograms written to HDF5 and ROOT as others write them."""

import h5py
import numpy as np
import uproot
from uproot.writing.identify import to_TAxis, to_TH2x


def write_hdf5(path, histograms, edges, axes, variances=None):
    """The layout of inference_interface: histograms by name on the same edges."""
    with h5py.File(path, "w") as file:
        file.attrs["version"] = "0.0"
        for i, (one, name) in enumerate(zip(edges, axes, strict=True)):
            file.create_dataset(f"bins/{i}", data=one).attrs["name"] = name
        for name, contents in histograms.items():
            file.create_dataset(f"templates/{name}", data=contents)
        for name, values in (variances or {}).items():
            file.create_dataset(f"variances/{name}", data=values)
    return path


def th2(contents, edges, axes, variance=None, kind=np.float64, equal=False):
    """A TH2 with titles of its axes; overflow bins hold events that count for nothing."""
    padded = [
        np.pad(values.T, 1, constant_values=7.0).ravel().astype(dtype)
        for values, dtype in ((contents, kind), (variance, np.float64))
        if values is not None
    ]
    xaxis, yaxis = (
        to_TAxis(
            fName=f"{'xy'[i]}axis",
            fTitle=title,
            fNbins=len(one) - 1,
            fXmin=one[0],
            fXmax=one[-1],
            fXbins=np.array([] if equal else one, dtype=float),
        )
        for i, (one, title) in enumerate(zip(edges, axes, strict=True))
    )
    return to_TH2x(
        fName=None,
        fTitle="a title",
        data=padded[0],
        fEntries=contents.size,
        **dict.fromkeys(
            ("fTsumw", "fTsumw2", "fTsumwx", "fTsumwx2", "fTsumwy", "fTsumwy2", "fTsumwxy"), 0.0
        ),
        fSumw2=padded[1] if variance is not None else None,
        fXaxis=xaxis,
        fYaxis=yaxis,
    )


def write_root(path, histograms, edges, axes, variances=None):
    """A TH2 for each histogram."""
    with uproot.recreate(path) as file:
        for name, contents in histograms.items():
            file[name] = th2(contents, edges, axes, (variances or {}).get(name))
    return path


WRITERS = {"hdf5": write_hdf5, "root": write_root}
