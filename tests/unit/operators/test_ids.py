"""Ids in every form that an argument accepts."""

from __future__ import annotations

import pytest

from airflow_provider_iqm.exceptions import IQMFinalError
from airflow_provider_iqm.operators.ids import list_ids, parse_ids


@pytest.mark.parametrize(
    ("given", "ids"),
    [
        (7, 7),
        (" 7 ", 7),
        ([7], [7]),
        ([7, "8"], [7, 8]),
        ("[7]", [7]),
        ("[7, 8]", [7, 8]),
        ("['7', '8']", [7, 8]),
        ("(7,)", [7]),
        (iter([7]), [7]),
        (range(1, 3), [1, 2]),
    ],
)
def test_ids_and_lists_in_every_form(given, ids):
    assert parse_ids("include", given) == ids


@pytest.mark.parametrize(
    "given", [None, "", "None", "seven", "[7,", [], "[]", [None], True, 0, -1, 1.5, [[7]], {7: 7}, b"7"]
)
def test_invalid_ids_are_rejected(given):
    with pytest.raises(IQMFinalError, match="include"):
        parse_ids("include", given)


@pytest.mark.parametrize("given", ["9" * 5000, 10**40, "frodo@shire.example", ["frodo@shire.example"], "x" * 100])
def test_errors_show_no_long_value_and_no_email(given):
    with pytest.raises(IQMFinalError, match="include contains a value of type") as error:
        parse_ids("include", given)
    assert len(str(error.value)) < 120
    assert "shire" not in str(error.value)


@pytest.mark.parametrize(("given", "ids"), [((), []), ("[]", []), (7, [7]), ("7", [7]), ([7, 8], [7, 8])])
def test_list_ids_always_returns_a_list(given, ids):
    assert list_ids("include", given, may_be_empty=True) == ids
