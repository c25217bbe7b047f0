"""
The rule for emails: lower case, well-formed by RFC 5321 and 5322 (dot-atom and domain name), Unicode by RFC 6531.

An internationalized domain name is not converted to or from Punycode.
"""

from __future__ import annotations

from airflow_provider_iqm.audience.cleaning.rules.characters import (
    FULL_WIDTH,
    SPACES,
    collapsed,
    composed,
    contains,
    matches,
    replaced,
    to_ascii,
    unless_plain,
)
from airflow_provider_iqm.audience.cleaning.rules.rule import Repair, RepairKind, Rule, character_repairs, format_rule
from airflow_provider_iqm.audience.duckdb.csv_queries import quoted

_ATOM = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_NAME = "[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*"
_FAST_PATH = rf"({_ATOM}(?:\.{_ATOM})*@(?:{_NAME}\.)+[A-Za-z]+)?"
"""The common form of an email, which needs no other checks if it is short: then no part is too long."""
_FAST_PATH_BYTES = 64

_UNICODE_ATOM = rf'[^\x00-\x20\x7f-\x9f"(),.:;<>@\[\\\]{SPACES}\x{{e000}}-\x{{f8ff}}]+'
# Excludes ASCII other than letters and digits, and the blocks of punctuation, symbols, emoji and private use.
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
"""An address with a display name (RFC 5322), ``mailto:`` (RFC 6068), quotes or punctuation around it."""


def email_rule(*, raw: str, draft: str, normal: str) -> Rule:
    """
    Build the rule for emails.

    :param raw: SQL name of the raw column.
    :param draft: SQL name of the draft.
    :param normal: SQL name of the normalized column.
    """
    fast_path = f"CASE WHEN strlen({raw}) <= {_FAST_PATH_BYTES} THEN {matches(raw, _FAST_PATH)} ELSE false END"
    # A well-formed address isn't repaired: it may start with an apostrophe.
    lower = composed(f"lower({draft})")
    is_repaired = f"{normal} <> {lower}"
    has_owner, has_prefix = contains(draft, f"[^ {_QUOTES}<][^<]*<"), contains(draft, f"^[^@]*{_PREFIX}")
    address = f"coalesce(nullif(regexp_extract({draft}, {quoted(_AROUND)}, 1), ''), {draft})"
    return format_rule(
        raw=raw,
        draft=draft,
        fast_path=fast_path,
        text=unless_plain(raw, collapsed(to_ascii(raw, FULL_WIDTH))),
        value=f"lower({raw})",
        is_valid=_is_well_formed(draft),
        valid_value=lower,
        # Extracting an address is slow.
        invalid_value=f"CASE WHEN contains({draft}, '@') THEN {composed(f'lower({address})')} ELSE {draft} END",
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
    """Build the condition of a well-formed email: form, lengths (RFC 5321, RFC 1035), and no reserved label."""
    without_punycode = replaced(email, r"(?i)([@.])xn--", r"\1", everywhere=True)
    reserved = contains(without_punycode, r"@(?:[^@]*\.)?[^@.]{2}--")
    return (
        f"CASE WHEN NOT contains({email}, '@') THEN false "
        f"WHEN {matches(email, _FORM)} THEN strlen({email}) <= 254 AND strpos({email}, '@') <= 65 "
        f"AND NOT {contains(email, '[@.][^@.]{64}')} AND NOT {reserved} ELSE false END"
    )
