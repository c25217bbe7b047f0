"""What is taken for a header: nothing that may be a person."""

from __future__ import annotations

import pytest

from airflow_provider_iqm.audience.mapping.header import Header, count_identifying
from airflow_provider_iqm.audience.records.data_patterns import ValueKind, value_kind

DATA = {
    "mary@example.com": ValueKind.EMAIL,
    "Mary J <mary@example.com>": ValueKind.EMAIL,
    "mailto:mary@example.com": ValueKind.EMAIL,
    "1980-05-01": ValueKind.DATE,
    "1980-05-01T12:00:00Z": ValueKind.DATE,
    "5/1/1980": ValueKind.DATE,
    "05.01.80": ValueKind.DATE,
    "5/1/1980 12:00 AM": ValueKind.DATE,
    "1-May-80": ValueKind.DATE,
    "May 1, 1980": ValueKind.DATE,
    "12:30": ValueKind.DATE,
    "02134": ValueKind.ZIP,
    "02134-1234": ValueKind.ZIP,
    "+44 20 7946 0958": ValueKind.PHONE,
    "(617) 555-0123": ValueKind.PHONE,
    "617.555.0123": ValueKind.PHONE,
    "+16175550123": ValueKind.PHONE,
    "617-555-0123 x5": ValueKind.PHONE,
    "617-555-0123 ext. 12": ValueKind.PHONE,
    "tel:+1-617-555-0123": ValueKind.PHONE,
    "1234567893": ValueKind.PHONE,
    "\u202d(617) 555\u20110123\u202c": ValueKind.PHONE,
    "mary\uff20example\uff0ecom": ValueKind.EMAIL,
    "".join(chr(0xFF10 + digit) for digit in (5, 5, 5, 0, 1, 2, 3)): ValueKind.PHONE,
    "d41d8cd98f00b204e9800998ecf8427e": ValueKind.HASH,
    "D41D8CD98F00B204E9800998ECF8427E" * 4: ValueKind.HASH,
    "123e4567-e89b-12d3-a456-426614174000": ValueKind.HASH,
    "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=": ValueKind.HASH,
    "4 Elm St": ValueKind.ADDRESS,
    "12B Main Street, Apt 4": ValueKind.ADDRESS,
    "PO Box 12": ValueKind.ADDRESS,
    "LALMA123456789": ValueKind.ID,
    "MA-00123-45": ValueKind.ID,
    "42": ValueKind.NUMBER,
    "-71.0589": ValueKind.NUMBER,
    "42.36, -71.06": ValueKind.NUMBER,
    "$1,234.50": ValueKind.NUMBER,
    "1,234.50 €": ValueKind.NUMBER,
    "4.41E+11": ValueKind.NUMBER,
    "75%": ValueKind.NUMBER,
    "https://example.com/mary": ValueKind.URL,
    "MA": ValueKind.STATE,
    "Massachusetts": ValueKind.STATE,
    "TRUE": ValueKind.CODE,
    "N/A": ValueKind.CODE,
    "F": ValueKind.CODE,
}


@pytest.mark.parametrize(("text", "kind"), DATA.items())
def test_values_are_recognized(text, kind):
    assert value_kind(text) is kind
    assert value_kind(f" {text} ") is kind
    assert not Header(("email", "zip", "city", text)).may_be_shown


@pytest.mark.parametrize(
    "text", ["", "email", "Mary", "Boston", "Address Line 1", "phone 1", "Market 1", "ID", "MI", "e-mail@home"]
)
def test_words_are_no_values(text):
    assert value_kind(text) is None


PEOPLE = [
    "Mary,Jones,4 Elm St,Boston,MA",
    "Mary,Jones,Boston",
    "mary,jones,boston",
    "MARY,JONES",
    "Mary Jones",
    "Mary,,Jones",
    "Mary,Jones,Boise,ID",
    "DeShawn,McDonald,LaCrosse",
    # Words of headers that people, streets, cities and answers are called too.
    "Mary,Street,Boston",
    "Jones,Mobile",
    "Mary,Jones,State Street,Boston",
    "State Street",
    "first_name=Mary",
    "Name: Mary,City: Boston",
    "1200 State",
    "First St",
    "Mary,Jones,Email",
    "Lon,Field,Salt Lake City",
    "mary_jones,Boston",
    "Mary,Jones,Customer,Member",
    "j,jones,f",
    "José,Núñez,Bogotá",
    "Мария,Иванова",
    "李,小龙",
]


@pytest.mark.parametrize("line", PEOPLE)
def test_people_are_never_shown(line):
    header = Header(tuple(line.split(",")), mapped={"email": "Email"}.keys())
    assert not header.may_be_shown
    said = [header.doubt, header.suggest("emial"), header.label(0), repr(header)]
    for value in filter(lambda value: len(value) > 1, line.split(",")):
        assert not any(value in text for text in said)


HEADERS = [
    "email",
    "NPI",
    "id",
    "name,E-Mail",
    "First,Last,Zip",
    "FIRST NAME,LAST NAME,STATE,ZIP",
    "firstName,lastName,homePhone2",
    "Voters_FirstName,Residence_Addresses_Zip",
    "email,fname,Zip5,LALVOTERID,shoe",
    "customer id,full name,street,city,st,zip,dob,opt-in",
    "Address Line 1,City,State,ZIP Code",
    "LastName,FirstName,MI,Suffix",
    "email_sha256,phone_md5",
    "phone,mobile",
    "Vorname,Nachname,Straße,PLZ",
    "prénom,nom,téléphone",
    "email ,zip ",
    "a,b,c",
    "col1,col2,col3",
    "first_name,last_name,General_2020_11_03",
]


@pytest.mark.parametrize("line", HEADERS)
def test_headers_are_shown(line):
    header = Header(tuple(line.split(",")))
    assert header.may_be_shown
    assert header.doubt == ""
    assert repr(line.split(",")[0]) in header.suggest("emial")
    assert repr(line.split(",")[0]) in header.label(0)


def test_a_mapped_column_in_it_makes_any_line_a_header_unless_something_in_it_is_data():
    names = ("имя", "почта")
    assert not Header(names).may_be_shown
    assert Header(names, mapped={"почта"}).may_be_shown
    assert not Header(("Mary", "Jones", "Email"), mapped={"Email", "Zip"}).may_be_shown
    assert Header(("ponies", "shoes", "Email", "Zip"), mapped={"Email", "Zip"}).may_be_shown
    assert not Header((*names, "02134"), mapped={"почта"}).may_be_shown


def test_a_database_has_no_line_of_data():
    assert Header(("mary@example.com",), certain=True).may_be_shown


def test_says_what_looks_like_data():
    header = Header(("Mary", "mary@example.com", "02134", "02135"))
    assert header.suggest("email") == (
        " 3 of the 4 values in the first line look like data (an email, a ZIP code). If the list has no header, add "
        "one; otherwise check the column's spelling."
    )
    assert Header(("Mary", "02134")).doubt == "1 of the 2 values in the first line looks like data (a ZIP code)"
    assert Header(("Mary",)).doubt.endswith("may be a person's data: its 1 value is not shown")


def test_blanks_at_the_ends_of_names_show():
    assert "Did you mean 'email '? Columns in the file: 'email ', 'zip\\u200b', 'name'." in Header(
        ("email ", "zip\u200b", "name")
    ).suggest("email")


def test_only_what_tells_of_people_is_worth_a_warning():
    assert count_identifying(["email", "2024", "MA", "phone 1", "75%"]) == 0
    assert count_identifying(["a@b.example", "1980-05-01", "4 Elm St", "02134"]) == 4
