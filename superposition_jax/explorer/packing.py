"""Arrays as text in a page: base64 of little-endian numbers, with two bytes each where three digits are enough."""

import base64
from typing import Any

import numpy as np
import xarray as xr

GREATEST = 2.0**15
"""Limit that float16 numbers are scaled to: those down to 2⁻²⁹ of the largest one keep three digits."""


def pack(values: xr.DataArray) -> dict[str, Any]:
    """An array as text, with its dimensions, shape, kind of numbers and scale.

    Integers stay integers, single numbers of models are float32, and others are float16 times a power of two. Numbers that are
    not finite become NaN.
    """
    numbers, scale, kind = values.values, 1.0, width(values)
    if kind[0] == "f":
        numbers = np.where(np.isfinite(numbers), numbers, np.nan).astype(np.float64)
    if kind == "f2":
        most = np.nanmax(np.abs(numbers), initial=0.0)
        scale = 2.0 ** np.ceil(np.log2(most / GREATEST)) if most > 0 else 1.0
    content = np.ascontiguousarray(numbers / scale if kind[0] == "f" else numbers, dtype=f"<{kind}").tobytes()
    text = base64.b64encode(content).decode("ascii")
    return {"dims": list(values.dims), "shape": list(values.shape), "kind": kind, "scale": scale, "data": text}


def width(values: xr.DataArray) -> str:
    """The kind and size in which numbers are stored, as `f4`."""
    if values.dtype.kind in "biu":
        most = max(abs(int(values.max())), abs(int(values.min()))) if values.size else 0
        return next(kind for kind, above in (("i1", 2**7), ("i2", 2**15), ("i4", np.inf)) if most < above)
    return "f2" if {"feature", "hidden", "step"} & set(values.dims) else "f4"


def size(values: xr.DataArray) -> int:
    """Bytes that an array takes in a page, as base64."""
    return -(-values.size * int(width(values)[1]) // 3) * 4
