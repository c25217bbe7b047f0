from __future__ import annotations

import datetime
import uuid
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_iqm.audience.records.value_text import value_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("00501", "00501"),
        (" x ", " x "),
        (None, ""),
        (True, "true"),
        (False, "false"),
        (15332, "15332"),
        (15332.0, "15332"),
        (441000000000.0, "441000000000"),
        (1e20, "100000000000000000000"),
        (-0.5, "-0.5"),
        (1e-7, "0.0000001"),
        (float("nan"), ""),
        (Decimal(15332), "15332"),
        (Decimal("1E+3"), "1000"),
        (Decimal("0.10"), "0.10"),
        (Decimal("12345678901234567890.12345678901234567890"), "12345678901234567890.12345678901234567890"),
        (Decimal("NaN"), ""),
        (datetime.date(2026, 1, 2), "2026-01-02"),
        (datetime.datetime(2026, 1, 2), "2026-01-02"),
        (datetime.datetime(2026, 1, 2, 3, 4, 5), "2026-01-02T03:04:05"),
        (datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC), "2026-01-02T00:00:00+00:00"),
        (datetime.time(3, 4), "03:04:00"),
        (uuid.UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        (pd.NaT, ""),
        (pd.Timestamp("2026-01-02"), "2026-01-02"),
        (np.int64(7), "7"),
        (np.float64(7), "7"),
        (np.bool_(True), "true"),
        (np.str_("x"), "x"),
    ],
)
def test_values_are_converted_without_loss(value, text):
    assert value_text(value) == text


@pytest.mark.parametrize("value", [b"x", bytearray(b"x"), memoryview(b"x"), ["x"], {"x": 1}, object(), np.array([1])])
def test_values_without_equivalent_text_are_rejected(value):
    with pytest.raises(TypeError, match=type(value).__name__):
        value_text(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_round_trip_without_exponents(value):
    text = value_text(value)
    assert float(text) == value
    assert "e" not in text.lower()
