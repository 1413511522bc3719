"""Equality of Datasets, bit for bit."""

import numpy as np


def same(one, other):
    """The same variables with the same bits."""
    assert {*one.variables} == {*other.variables}
    for name in one.variables:
        np.testing.assert_array_equal(one[name].values, other[name].values, err_msg=str(name))
