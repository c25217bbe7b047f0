"""
The rule of emails: well-formed by RFC 5321 and 5322 (a dot-atom at a domain name), in Unicode by RFC 6531; lower case.

A domain name that is written in Unicode stays in Unicode.
"""

from __future__ import annotations

from airflow_provider_iqm.audience.cleaning.rules.characters import (
    FULL_WIDTH,
    SPACES,
    collapsed,
    composed,
    contains,
    in_ascii,
    matches,
    replaced,
    unless_plain,
)
from airflow_provider_iqm.audience.cleaning.rules.rule import Repair, RepairKind, Rule, character_repairs, form_rule
from airflow_provider_iqm.audience.duckdb.csv_queries import quoted

_ATOM = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_NAME = "[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*"
_USUAL = rf"({_ATOM}(?:\.{_ATOM})*@(?:{_NAME}\.)+[A-Za-z]+)?"
"""Emails as most are, which need no closer look if they are short: no part is too long then."""
_SHORT = 64

_UNICODE_ATOM = rf'[^\x00-\x20\x7f-\x9f"(),.:;<>@\[\\\]{SPACES}\x{{e000}}-\x{{f8ff}}]+'
# By blocks: no ASCII but letters and digits, no punctuation, symbols, emoji or private use.
_LETTER = (
    r"[^\x00-\x40\x5b-\x60\x7b-\xb6\xb8-\xbf\xd7\xf7\x{2000}-\x{2bff}\x{3000}-\x{3003}\x{3008}-\x{3020}"
    r"\x{e000}-\x{f8ff}\x{fe10}-\x{fe6f}\x{ff00}-\x{ffef}\x{1f000}-\x{1faff}]"
)
_END = f"(?:{_LETTER}|[0-9])"
_LABEL = f"{_END}+(?:-+{_END}+)*"
_FORM = rf"{_UNICODE_ATOM}(?:\.{_UNICODE_ATOM})*@(?:{_LABEL}\.)+(?:{_END}+-+)*{_END}*{_LETTER}"

_QUOTES = "\"'\u2018\u2019\u201c\u201d"
_ADDRESS = rf"[^ {_QUOTES}<>(),:;@][^ \"<>(),:;@]*@[^ {_QUOTES}<>(),:;@?]*{_END}"
_PREFIX = "(?i:mailto:|e-?mail:)"
_OWNER = rf'(?:"[^"]*"|[^<>@]*|{_ADDRESS}[{_QUOTES}]*) *<'
_AROUND = rf"^[{_QUOTES} ]*(?:{_OWNER} *)?(?:{_PREFIX} *)?({_ADDRESS})(?:\?[^@<>]*)?[ {_QUOTES}>.,;]*$"
"""An address with its owner's name before it (RFC 5322), ``mailto:`` (RFC 6068), quotes or punctuation around it."""


def email_rule(*, raw: str, draft: str, normal: str) -> Rule:
    """
    Give the rule of emails.

    :param raw: The raw column's name in SQL.
    :param draft: The draft's name in SQL.
    :param normal: The normalized column's name in SQL.
    """
    usual = f"CASE WHEN strlen({raw}) <= {_SHORT} THEN {matches(raw, _USUAL)} ELSE false END"
    # What is well-formed as it stands isn't repaired: an apostrophe may begin an address.
    lower = composed(f"lower({draft})")
    is_repaired = f"{normal} <> {lower}"
    has_owner, has_prefix = contains(draft, f"[^ {_QUOTES}<][^<]*<"), contains(draft, f"^[^@]*{_PREFIX}")
    address = f"coalesce(nullif(regexp_extract({draft}, {quoted(_AROUND)}, 1), ''), {draft})"
    return form_rule(
        raw=raw,
        draft=draft,
        usual=usual,
        text=unless_plain(raw, collapsed(in_ascii(raw, FULL_WIDTH))),
        value=f"lower({raw})",
        fits=_is_well_formed(draft),
        readable=lower,
        # To look for an address takes long.
        unreadable=f"CASE WHEN contains({draft}, '@') THEN {composed(f'lower({address})')} ELSE {draft} END",
        fault=f"NOT ({_is_well_formed(normal)})",
        reason="malformed email",
        repairs=(
            *character_repairs(raw, FULL_WIDTH),
            Repair(RepairKind.COMPOSED, f"{composed(raw)} <> {raw}"),
            Repair(RepairKind.DISPLAY_NAME, f"{is_repaired} AND {has_owner}"),
            Repair(RepairKind.PREFIX, f"{is_repaired} AND {has_prefix}"),
            Repair(RepairKind.PUNCTUATION, f"{is_repaired} AND NOT {has_owner} AND NOT {has_prefix}"),
        ),
    )


def _is_well_formed(email: str) -> str:
    """Whether an email has a valid form, the lengths of RFC 5321 (4.5.3.1) and 1035 (2.3.4), and no reserved label."""
    without_punycode = replaced(email, r"(?i)([@.])xn--", r"\1", everywhere=True)
    reserved = contains(without_punycode, r"@(?:[^@]*\.)?[^@.]{2}--")
    return (
        f"CASE WHEN NOT contains({email}, '@') THEN false "
        f"WHEN {matches(email, _FORM)} THEN strlen({email}) <= 254 AND strpos({email}, '@') <= 65 "
        f"AND NOT {contains(email, '[@.][^@.]{64}')} AND NOT {reserved} ELSE false END"
    )
