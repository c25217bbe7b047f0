"""Which records a suppression list suppresses: by the same normalized values, raw or hashed."""

from __future__ import annotations

import csv
import hashlib
import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_iqm.exceptions import AudienceFileError

ALGORITHMS = ["MD5", "SHA1", "SHA256", "SHA512"]
NAME = {"first": "First Name", "last": "Last Name", "state": "State", "zip": "Zip"}
CONTACT = {"email": "Email", "phone": "Phone", "cell": "Cellphone", "zip": "Zip"}


def digest(algorithm, value):
    return hashlib.new(algorithm.lower(), value.encode()).hexdigest()


def written(rows):
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


@pytest.mark.parametrize("value", ["A@B.example", " a@b.example ", "mailto:a@b.example", "Ann <a@b.example>"])
def test_values_are_compared_after_normalization(suppress, value):
    left, report = suppress("id,email\n1,c@d.example\n2,a@b.EXAMPLE\n", written([["email"], [value]]))
    assert left == ["1,c@d.example"]
    assert (report.records_read, report.records_kept, report.suppression.suppressed) == (2, 1, 1)


@pytest.mark.parametrize("algorithm", [None, *ALGORITHMS])
@pytest.mark.parametrize("list_algorithm", [None, *ALGORITHMS])
def test_the_suppression_list_is_raw_or_hashed_and_the_list_is_raw_or_to_be_hashed(suppress, algorithm, list_algorithm):
    value = digest(algorithm, "a@b.example").upper() if algorithm else "A@b.example"
    hashes = {"hash_columns": {"email": list_algorithm}} if list_algorithm else {}
    left, report = suppress("email\nc@d.example\nA@B.example\n", f"email\n{value}\n", **hashes)
    assert left == [digest(list_algorithm, "c@d.example") if list_algorithm else "c@d.example"]
    assert report.suppression.suppressed == 1


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("arguments", ["column_settings", "hash_columns"])
@pytest.mark.parametrize("is_hashed", [False, True])
def test_a_hashed_list_is_compared_with_raw_values_and_with_the_same_hashes(suppress, algorithm, arguments, is_hashed):
    kept, gone = digest(algorithm, "c@d.example"), digest(algorithm, "a@b.example")
    options = {arguments: {"Email" if arguments == "column_settings" else "email": algorithm}}
    suppressed = f"email\n{gone if is_hashed else 'A@b.example'}\n"
    assert suppress(f"email\n{kept}\n{gone.upper()}\n", suppressed, **options)[0] == [kept]


def test_raw_values_and_hashes_can_be_mixed_on_the_suppression_list(suppress):
    people = [f"person{number}@b.example" for number in range(6)]
    suppressed = [person if not algorithm else digest(algorithm, person) for person, algorithm in zip(
        people[1:], [None, *ALGORITHMS], strict=True)]  # fmt: skip
    left, report = suppress("\n".join(["email", *people, ""]), "\n".join(["email", *suppressed, ""]))
    assert left == people[:1]
    assert report.suppression.malformed == {}


@pytest.mark.parametrize(
    ("list_format", "value", "found"),
    [
        ("SHA256", digest("MD5", "a@b.example"), "MD5 hashes in 'email', but the list has SHA256 hashes"),
        ("Other", "a@b.example", "raw values in 'email', but the list has hashes of another algorithm"),
    ],
)
def test_hashes_that_cannot_be_compared_are_an_error(suppress, list_format, value, found):
    content = f"email\n{digest('SHA256', 'a@b.example')}\n"
    with pytest.raises(AudienceFileError, match=found):
        suppress(content, f"email\n{value}\n", column_settings={"Email": list_format})


def test_hashes_of_an_unknown_algorithm_are_compared_as_they_are(suppress):
    content = "email\nx1\nX1\ny2\n"
    assert suppress(content, "email\n x1 \n", column_settings={"Email": "Other"})[0] == ["X1", "y2"]


def test_a_record_is_suppressed_by_any_of_several_columns(suppress):
    content = (
        "email,phone,cell,zip\n"
        "a@x.example,617-555-0101,617-555-0201,02134\n"
        "b@x.example,617-555-0102,617-555-0202,02134\n"
        "c@x.example,617-555-0103,617-555-0203,02134\n"
        "d@x.example,617-555-0104,617-555-0204,02134\n"
    )
    suppressed = written(
        [["zip", "cell", "phone", "email"], ["02134", "", "", "A@x.example"], ["", "", "(617) 555-0102", ""],
         ["", digest("SHA256", "6175550203"), "", ""]]
    )  # fmt: skip
    settings_ = {"Email": "Raw", "Phone": "Raw"}
    left, report = suppress(content, suppressed, columns=CONTACT, column_settings=settings_)
    assert left == ["d@x.example,6175550104,6175550204,02134"]
    # Not by the ZIP code, which all have.
    assert report.suppression.columns == ("email", "phone", "cell")


def test_empty_values_never_match(suppress):
    columns = {"email": "Email", "phone": "Phone"}
    content = "email,phone\na@x.example,\n,\nb@x.example, \n"
    suppressed = f'email,phone\n"",\n , \n{digest("SHA256", "")},{digest("MD5", "")}\n'
    left, report = suppress(content, suppressed, columns=columns, column_settings={"Email": "Raw", "Phone": "Raw"})
    assert left == ["a@x.example,", "b@x.example,"]
    assert (report.suppression.suppressed, report.dropped) == (0, {"blank key field": 1})


def test_phones_are_compared_in_the_list_s_format(suppress):
    options = {"columns": {"phone": "Phone"}, "column_settings": {"Phone": "Raw"}}
    assert suppress("phone\n6175550101\n6175550102\n", "phone\n+1 617 555 0101\n", **options)[0] == ["6175550102"]
    content = "phone\n+16175550101\n+442079460958\n"
    left, report = suppress(content, "phone\n+44 20 7946 0958\n617 555 0101\n", phone_format="E.164", **options)
    assert left == ["+16175550101"]
    assert report.suppression.warnings == ["optouts.csv: 1 malformed value in 'phone' can't suppress anyone"]


@pytest.mark.parametrize(
    ("field", "setting", "value", "other"),
    [
        ("NPI ID", {"NPI_ID": "healthcare_id"}, "1234567893", "1245319599"),
        ("Voter ID", {"Voters_ID": "Other"}, "ma-1", "MA-1"),
        ("Full Address", None, "1 Main  ST, Boston", "1 Main St, Newton"),
    ],
)
def test_other_fields_that_identify_a_person(suppress, field, setting, value, other):
    options = {"columns": {"key": field}, "column_settings": setting}
    content = written([["key", "n"], [value, 1], [other, 2]])
    left, _ = suppress(content, written([["key"], [value.replace("  ST", " st")]]), **options)
    assert [line[-1] for line in left] == ["2"]
    hashed = digest("SHA256", value.replace("  ", " "))
    assert [line[-1] for line in suppress(content, f"key\n{hashed}\n", **options)[0]] == ["2"]


PEOPLE = "first,last,state,zip\nAnn,Lee,MA,02134\nBob,Lee,MA,02134\nAnn,Lee,MA,02135\n"


@pytest.mark.parametrize(
    ("suppressed", "left"),
    [
        ("first,last,state,zip\nANN,lee,Massachusetts,02134-1234\n", ["Bob,Lee,MA,02134", "Ann,Lee,MA,02135"]),
        ("first,last\nAnn,Lee\n", ["Bob,Lee,MA,02134"]),
        ("zip\n02134\n", ["Ann,Lee,MA,02135"]),
        ("first,last,zip\nAnn,,02134\n,,\nBob,Lee,\nAnn,Lee,2134\nCy,Lee,02134\n", PEOPLE.splitlines()[1:]),
        ("first,last\nAnnL,ee\n", PEOPLE.splitlines()[1:]),
    ],
)
def test_names_and_zips_identify_a_person_together(suppress, suppressed, left):
    assert suppress(PEOPLE, suppressed, columns=NAME)[0] == left


def test_fields_that_are_not_matched_by_are_not_compared(suppress):
    columns = {**NAME, "age": "Age"}
    content = "first,last,state,zip,age\nAnn,Lee,MA,02134,40\nBob,Lee,MA,02134,40\n"
    left, report = suppress(content, "first,last,state,zip,age\nAnn,Lee,MA,02134,41\n", columns=columns)
    assert left == ["Bob,Lee,MA,02134,40"]
    assert report.suppression.columns == tuple(NAME)


def test_each_record_is_counted_once(suppress):
    content = "email\nbad\na@x.example\na@x.example\nb@x.example\nb@x.example\n"
    left, report = suppress(content, "email\na@x.example\nbad\n", drop_duplicates=True)
    assert left == ["b@x.example"]
    counts = report.counts()
    del counts["seconds"]
    assert counts == {
        "records_read": 5,
        "records_kept": 1,
        "suppressed": 2,
        "dropped": {"malformed email": 1},
        "duplicates": 1,
    }
    assert " ".join(str(report).split()).startswith(
        "records read 5 records kept 1 dropped: malformed email 1 suppressed 2 duplicates 1"
    )


EMAILS = st.builds("{}@{}.example".format, st.sampled_from("abcde"), st.sampled_from("xyz"))
CASES = st.sampled_from([str, str.upper, str.title, " {} ".format, "mailto:{}".format])


@st.composite
def spellings(draw):
    """An email, and a way to write it."""
    email = draw(EMAILS)
    return email, draw(CASES)(email)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    people=st.lists(spellings(), min_size=1, max_size=12),
    suppressed=st.lists(st.tuples(spellings(), st.sampled_from([None, *ALGORITHMS])), max_size=12),
    list_algorithm=st.sampled_from([None, *ALGORITHMS]),
    is_hashed=st.booleans(),
    drop_duplicates=st.booleans(),
)
def test_the_same_records_are_left_as_by_a_set_in_python(
    suppress, people, suppressed, list_algorithm, is_hashed, drop_duplicates
):
    options = {"hash_columns": {"email": list_algorithm}} if list_algorithm else {}
    if list_algorithm and is_hashed:
        people = [(email, digest(list_algorithm, email)) for email, _ in people]
        # Hashes of different algorithms can't be compared.
        suppressed = [entry for entry in suppressed if entry[1] in (None, list_algorithm)]
    rows = [[number, text] for number, (_, text) in enumerate(people)]
    gone = {email for (email, _), _ in suppressed}
    expected = [(number, email) for number, (email, _) in enumerate(people) if email not in gone]
    if drop_duplicates:
        first = {email: number for number, email in reversed(expected)}
        expected = [(number, email) for number, email in expected if first[email] == number]
    values = [[digest(algorithm, email) if algorithm else text] for (email, text), algorithm in suppressed]
    arguments = (written([["id", "email"], *rows]), written([["email"], *values]))
    if not expected:
        with pytest.raises(AudienceFileError, match="no records are left"):
            suppress(*arguments, drop_duplicates=drop_duplicates, **options)
        return
    left, report = suppress(*arguments, drop_duplicates=drop_duplicates, **options)
    texts = [f"{number},{digest(list_algorithm, email) if list_algorithm else email}" for number, email in expected]
    assert left == texts
    assert report.suppression.suppressed == sum(email in gone for email, _ in people)
