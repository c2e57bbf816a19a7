"""The dataset of a batch's first trial."""

import pandas as pd
import pyarrow.parquet as pq
import pytest

from zeptobarn.summary.dataset import first_dataset
from zeptobarn.support.tables import DamagedResultError
from zeptobarn.templates import toys as toys_module
from zeptobarn.templates.toys import throw, write_toys


def test_the_first_trial_of_a_batch_that_is_in_order(
    tmp_path, small_study, small_templates, monkeypatch
):
    """Files are read to their ends: what is damaged there is damaged."""
    monkeypatch.setattr(toys_module, "_AT_ONCE", 2)
    toys = throw(small_study, "xenon1t", small_templates["xenon1t"], range(5, 11))
    files = tmp_path / "5-10.parquet", tmp_path / "5-10.truth.parquet"
    write_toys(small_study, "xenon1t", [toys], *files)
    dataset = first_dataset(small_study, "xenon1t", *([file] for file in files))["xenon1t"]
    assert list(dataset.trials) == [5]
    first = toys.events[toys.events["trial"] == 5]
    pd.testing.assert_frame_equal(dataset.events, first, check_dtype=False)
    table = pq.read_table(files[0])
    pq.write_table(table.slice(0, len(table) - 1), files[0])
    with pytest.raises(DamagedResultError, match=r"5-10\.parquet: damaged: it has \d+ rows, not"):
        first_dataset(small_study, "xenon1t", *([file] for file in files))
