from zeptobarn.support import paths


def test_batches_cover_every_trial_once():
    for trials, per_batch in ((1, 1), (10, 3), (1000, 1000), (7, 100)):
        for numbers in (range(1, trials + 1), range(501, 501 + trials)):
            batches = paths.batches(numbers, per_batch)
            assert [t for b in batches for t in paths.batch_trials(b)] == list(numbers)


def test_masses_print_as_in_the_configuration():
    assert paths.wimp_source("SI", 6.5) == "wimp_SI_6.5GeV"
    assert paths.wimp_source("SI", 50.0) == "wimp_SI_50GeV"
    assert paths.wimp_source("SI", 12345.678) == "wimp_SI_12345.678GeV"
    assert paths.wimp_source("SI", 2000000) == "wimp_SI_2000000GeV"
    assert paths.wimp_source("SD_n_central", 1000) == "wimp_SD_n_central_1000GeV"


def test_anchor_names():
    assert paths.anchor_name({"leff": -2, "g1": 0.12}) == "leff_-2__g1_0.12"
