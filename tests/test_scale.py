"""The counts, rooflines and units behind docs/scale.md."""

import pytest

from benchmarks import scale


def test_a_step_has_the_operations_of_its_products_and_a_few_more():
    cost = scale.counted("n=20, m=5")
    assert 1 < cost["operations"] / cost["products"] < 3
    assert cost["state_bytes"] == 2 * 3 * 4 * (20 * 5 + 20)
    assert cost["bytes"] > cost["state_bytes"]


@pytest.mark.parametrize("chip", scale.CHIPS, ids=lambda chip: chip.name)
def test_the_ends_of_a_roofline_are_in_order_and_no_faster_than_the_peaks(chip):
    low, high = scale.seconds_a_step("n=20, m=5", chip)
    assert scale.counted("n=20, m=5")["products"] / chip.matrix <= low <= high


def test_words_for_times_and_sizes():
    assert scale._time(90) == "90 s"
    assert scale._time(3 * 365 * 86400) == "3 years"
    assert scale._bytes(1.19e12) == "1.19 TB"
    assert scale._number(7123.0) == "7,100"
