"""The rules of cleaning against libraries that know the same rules, which are too slow for millions of records."""

from __future__ import annotations

import csv
import re
import unicodedata

import phonenumbers
import pytest
import us
from email_validator import EmailNotValidError, validate_email
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from airflow_provider_iqm.audience.records.states import STATE_CODES
from airflow_provider_iqm.audience.upload import prepare_upload

FEW = settings(
    max_examples=8,
    deadline=None,
    # Each example is a list of many values: to look for a shorter one takes minutes.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
"""Few examples, but each is a list of many values."""


@pytest.fixture
def clean(tmp_path):
    def run(field, values, **options):
        path = tmp_path / "list.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            # With one record that is kept at any rate: else a list could be refused as a whole.
            records = enumerate([*values, "a@b.com" if field == "Email" else "+16175550123"])
            csv.writer(file).writerows([["n", "x", "a"], *([n, value, "k"] for n, value in records)])
        with (
            prepare_upload(
                file_path=path,
                audience_name="List",
                columns={"x": field, "a": "Full Address"},
                column_settings={field: "Raw"} if field in ("Email", "Phone") else None,
                normalize=True,
                max_invalid_ratio=1,
                **options,
            ) as upload,
            upload.file.path.open(newline="", encoding="utf-8") as file,
        ):
            kept = {int(record["n"]): record["x"] for record in csv.DictReader(file)}
        return [kept.get(number) for number in range(len(values))]

    return run


def lists_of(values):
    return st.lists(values, min_size=60, max_size=60)


def parsed(text, region="US"):
    try:
        return phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None


AREAS = ["201", "212", "305", "340", "403", "415", "617", "671", "787", "800", "907", "989"]
FULL_WIDTH = str.maketrans({str(digit): chr(0xFF10 + digit) for digit in range(10)})
SHAPES = [
    "{}{}{}",
    "({}) {}-{}",
    "{}-{}-{}",
    "{}.{}.{}",
    "{} {} {}",
    "1-{}-{}-{}",
    "+1 ({}) {} {}",
    "{}\u2212{}\u2013{}",
    "\uff0b1\u3000{}\uff0d{}\uff0d{}",
    "[{}]/{}.{}",
]
BEFORE = ["", " ", "tel:", "\u200b", "\ufeff", "\u202a", "'", '"', "\u2066 "]
BEHIND = ["", " ", "\u200b", "\u202c", ";", "'", " x5", " ext. 12", " extension 3", "#5", ";ext=5", " Ext 1234 "]
LINES = st.integers(0, 9999).map("{:04}".format)
EXCHANGES = st.integers(200, 999).map(str).filter(lambda exchange: not exchange.endswith("11"))


@FEW
@given(
    data=lists_of(
        st.tuples(
            st.sampled_from(AREAS),
            EXCHANGES,
            LINES,
            st.sampled_from(SHAPES),
            st.sampled_from(BEFORE),
            st.sampled_from(BEHIND),
            st.booleans(),
        )
    )
)
def test_numbers_are_read_as_phonenumbers_reads_them(clean, data):
    raw, national = [], []
    for area, exchange, line, shape, before, behind, wide in data:
        number = shape.format(area, exchange, line)
        raw.append(f"{before}{number.translate(FULL_WIDTH) if wide else number}{behind}")
        national.append(f"{area}{exchange}{line}")
        # Quotes aside, the library sees the same number.
        found = parsed(raw[-1].strip("'\"; "))
        assert str(found.national_number) == national[-1]
    assert clean("Phone", raw) == national
    lines = clean("Cellphone", [f"+1{number}" for number in national], phone_format="E.164")
    assert lines == [
        phonenumbers.format_number(parsed(number), phonenumbers.PhoneNumberFormat.E164) for number in national
    ]


PIECES = [
    *"0123456789",
    "617",
    "555",
    "0123",
    "+1",
    "+44",
    "(",
    ")",
    "-",
    ".",
    ".0",
    " ",
    "x",
    "ext",
    "#",
    ";",
    "e",
    "E9",
]


@FEW
@given(texts=lists_of(st.lists(st.sampled_from(PIECES), max_size=9).map("".join)))
@pytest.mark.parametrize("phone_format", ["10-digit", "E.164"])
def test_no_digit_is_ever_made_up(clean, texts, phone_format):
    for text, found in zip(texts, clean("Phone", texts, phone_format=phone_format), strict=True):
        if found:
            digits = re.sub(r"\D", "", text)
            assert digits.startswith((found.lstrip("+"), f"1{found}"))
            # What is cut off is an extension, or zeros behind a decimal point.
            rest = digits[digits.index(found.lstrip("+")) + len(found.lstrip("+")) :]
            assert not rest.strip("0") or re.search(r"[x#;]|ext", text)
            assert phonenumbers.is_possible_number(parsed(found)) or found.startswith("+")


@FEW
@given(numbers=lists_of(st.integers(0, 10**10 - 1).map("{:010}".format)))
def test_no_number_that_phonenumbers_finds_valid_is_dropped(clean, numbers):
    for number, found in zip(numbers, clean("Phone", numbers), strict=True):
        number_parts = parsed(number)
        # The library takes N11 for an exchange, which NANPA doesn't, and 011 for the prefix of another country.
        if phonenumbers.is_valid_number(number_parts) and number_parts.country_code == 1 and number[4:6] != "11":
            assert found == number


def test_every_example_number_of_the_plan_is_kept(clean):
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE[1]
    examples = [phonenumbers.example_number(region) for region in regions]
    examples += [
        example
        for kind in phonenumbers.PhoneNumberType.values()
        if (example := phonenumbers.example_number_for_type("US", kind))
    ]
    texts = [str(example.national_number) for example in examples if str(example.national_number)[4:6] != "11"]
    assert clean("Phone", texts) == texts


def test_every_country_s_example_number_is_kept_in_e164(clean):
    examples = [phonenumbers.example_number(region) for region in sorted(phonenumbers.SUPPORTED_REGIONS)]
    kinds = (phonenumbers.PhoneNumberFormat.E164, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    wanted, spaced = ([phonenumbers.format_number(example, kind) for example in examples] for kind in kinds)
    # Six digits and fewer are left out: such short numbers are hardly anybody's.
    wanted, spaced = zip(*[pair for pair in zip(wanted, spaced, strict=True) if len(pair[0]) > 7], strict=True)
    assert clean("Phone", spaced, phone_format="E.164") == list(wanted)


LOCAL = st.lists(
    st.sampled_from([*"aZ09", ".", "-", "_", "+", "'", "\u00e9", "e\u0301", "\u674e", "!", "@", "a" * 60]), max_size=6
).map("".join)
LABELS = ["a", "B", "0", "-", ".", "_", "com", "example", "\u00fc", "u\u0308", "\u4e2d", "xn--", "--", "a" * 60]
DOMAIN = st.lists(st.sampled_from(LABELS), max_size=6).map("".join)
EMAILS = st.one_of(st.builds("{}@{}.com".format, LOCAL, DOMAIN), st.builds("{}@{}".format, LOCAL, DOMAIN))


def accepted(email):
    try:
        found = validate_email(email, check_deliverability=False, strict=True)
    except EmailNotValidError:
        return None
    return f"{found.local_part}@{found.domain}"


@settings(FEW, max_examples=12)
@given(emails=lists_of(EMAILS))
@example(emails=["a@b.-c", "a@b.--c", "é@ü.-c", "a@b.c-", "a@-b.c", "a@b-.c", "a@b.c-d", "é@ü.c--d"])
@example(emails=["a@b.\u00fc0", "a@b.0\u00fc"])
def test_emails_are_valid_where_email_validator_finds_them_valid(clean, emails):
    for email, found in zip(emails, clean("Email", emails), strict=True):
        text = unicodedata.normalize("NFC", email.lower())
        # The lengths of names in other scripts are those of their Punycode, which isn't computed.
        if "xn--" in text or (not text.isascii() and len(text) > 60):
            continue
        # No top-level domain ends with a digit; email-validator looks at the end of its Punycode.
        last_label = text.rpartition(".")[2]
        if not last_label.isascii() and last_label[-1].isdigit():
            continue
        valid = accepted(email)
        # A dot behind and a quote before are removed.
        if valid is None and (email.endswith(".") or email.startswith("'")):
            continue
        assert (found is not None) == (valid is not None), email
        if valid:
            assert found == text == unicodedata.normalize("NFC", valid.lower())


@FEW
@given(
    emails=lists_of(st.emails()),
    before=st.sampled_from(["", "mailto:", "Mary J <", '"Jones, M." <', "<", '"', "\u200b", "\ufeff "]),
)
def test_any_address_is_found_again(clean, emails, before):
    # Reserved names aside, and an apostrophe before a name, which may be a quote.
    emails = [email for email in emails if accepted(email) and email[0] != "'"]
    behind = {"<": ">", '"': '"'}.get(before[-1:], "\u200b")
    found = clean("Email", [f"{before}{email}{behind}" for email in emails])
    assert found == [email.lower() for email in emails]


def test_states_are_those_of_us(clean):
    states = us.states.STATES_AND_TERRITORIES
    for spell in (
        lambda state: state.name,
        lambda state: state.name.upper(),
        lambda state: state.abbr.lower(),
        lambda state: ". ".join(state.abbr) + ".",
        lambda state: state.ap_abbr or state.name,
        lambda state: f"State of {state.name}",
        lambda state: f"{state.name}, U.S.",
        lambda state: f"\ufeff{state.name}\u200b",
    ):
        assert clean("State", [spell(state) for state in states]) == [state.abbr for state in states]
    assert {state.abbr for state in states} <= set(STATE_CODES.values())
