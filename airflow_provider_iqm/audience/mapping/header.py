"""
Whether a list's first line is a header, and what messages may say of it.

A list without a header has a person in its first line, so a message quotes that line only where something speaks for
a header; a list of names and cities has nothing in it that speaks against one.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from airflow_provider_iqm.audience.mapping.field_names import did_you_mean
from airflow_provider_iqm.audience.records.data_patterns import IDENTIFYING, ValueKind, value_kind
from airflow_provider_iqm.vocabulary import FIELD_LABELS, Field
from airflow_provider_iqm.wording import count_of, quote_names

if TYPE_CHECKING:
    from collections.abc import Collection, Set

_FEW_COLUMNS = 30
"""The names of more columns aren't listed."""

_MANY_WORDS = 3
"""So many names made of headers' words are no accident in a line of data."""

# Hardly any person, street or city is called so.
_WORDS_OF_HEADERS = """
address addr age birthdate birthday cellphone city code column country county created date description district dob
email emailaddress ethnicity first firstname fname forename fullname gender hash hashed household id identifier ids
income landline language last lastname latitude lname longitude mail md5 middlename mname name names npi num number
organization phone phonenumber postal postalcode postcode precinct prefix region sha1 sha256 sha512 sex state status
streetaddress suffix surname tel telephone timestamp unnamed updated url user userid username uuid voter voterid voters
zip zip4 zip5 zipcode
adresse apellido apellidos codigo correo direccion nachname nombre plz postleitzahl prenom strasse telefon telefono
vorname
"""
# Beside one of those they are a header's too, but alone they may be a surname, a city or a value.
_WORDS_BESIDE = """
account active and area at birth cell client company contact customer day e ethnic family field flag for full given
group home in index is key lat line lng lon lead list md member middle mobile no of office party patient person primary
record registered residence score secondary segment sha source st store street subscriber the tier time title town type
value ville work
"""
_WORDS = frozenset(_WORDS_OF_HEADERS.split())
_ALL_WORDS = _WORDS.union(_WORDS_BESIDE.split())
_KNOWN = frozenset(
    "".join(filter(str.isalnum, name.casefold())) for field in Field for name in (field.value, *FIELD_LABELS[field])
)
_ANSWERS = frozenset({"cell", "email", "e-mail", "home", "landline", "mail", "mobile", "phone", "telephone"})
"""What a person's preferred channel may be: a value, even where it is the name of a mapped column."""

_PLACEHOLDER = re.compile(r"[a-z][0-9]{0,2}|(?:col|column|field|var)_?[0-9]+")
"""Names that say nothing, and that no value of a list is."""

_TOKEN = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_MOST_DIGITS = 4
_LONGEST_WORDS = 100


@dataclass(frozen=True)
class Header:
    """
    The names in a list's first line, which may be data.

    :param names: The names.
    :param mapped: The columns that the user has mapped; one of them in the line speaks for a header.
    :param certain: Whether the names come from where there is no doubt, such as a database.
    """

    names: tuple[str, ...]
    mapped: Set[str] = frozenset()
    certain: bool = False

    def __repr__(self) -> str:
        # The names may be a person, and a repr ends up in logs.
        return f"<Header of {len(self.names)} columns>"

    @cached_property
    def kinds(self) -> list[ValueKind]:
        """What those of the names look like that look like data."""
        return [kind for name in self.names if not is_header_word(name) and (kind := value_kind(name))]

    @cached_property
    def may_be_shown(self) -> bool:
        """Whether messages may quote the names: nothing in the line looks like data, and something like a header."""
        if self.certain:
            return True
        if self.kinds:
            return False
        filled = [name for name in self.names if name.strip()]
        words = {name for name in filled if is_header_word(name)}
        placeholders = [name for name in filled if _PLACEHOLDER.fullmatch(name)]
        if len(words) >= _MANY_WORDS or len(placeholders) == len(filled) or self._has_mapped:
            return True
        likely = [name for name in filled if name in words or name in placeholders or _is_likely(name)]
        return len(words) > 0 and 2 * len(likely) > len(filled)

    @property
    def _has_mapped(self) -> bool:
        found = self.mapped & set(self.names)
        return len(found) > 1 or any(name.casefold() not in _ANSWERS for name in found)

    @property
    def doubt(self) -> str:
        """Say what speaks against a header, without a value of the line; nothing where nothing does."""
        if self.may_be_shown:
            return ""
        total = len(self.names)
        if not self.kinds:
            return (
                "The first line doesn't look like a header, and may be a person's data: its "
                f"{count_of(total, 'value')} {'is' if total == 1 else 'are'} not shown"
            )
        found = ", ".join(dict.fromkeys(self.kinds))
        verb = "looks like data" if len(self.kinds) == 1 else "look like data"
        return f"{len(self.kinds):,} of the {count_of(total, 'value')} in the first line {verb} ({found})"

    def suggest(self, name: str) -> str:
        """
        Say what the file has in the place of an unknown column, as far as it may be shown.

        :param name: The name that the file doesn't have.
        """
        if not self.may_be_shown:
            return f" {self.doubt}. If the list has no header, add one; otherwise check the column's spelling."
        has = f" The file has: {quote_names(self.names)}." if len(self.names) <= _FEW_COLUMNS else ""
        return f"{did_you_mean(name, self.names)}{has}"

    def label(self, position: int) -> str:
        """
        Name a column: by its name if that may be shown, else by its position.

        :param position: Its position, from 0.
        """
        name = self.names[position]
        if self.may_be_shown or name in self.mapped:
            return f"column {name!r}"
        return f"column {position + 1} of {len(self.names)}"


def count_identifying(names: Collection[str]) -> int:
    """Count the names that are an email, a phone number or the like, and no column's name."""
    return sum(not is_header_word(name) and value_kind(name) in IDENTIFYING for name in names)


def is_header_word(name: str) -> bool:
    """Whether a name is made of the words of headers, such as ``first_name``, ``E-Mail`` or ``homePhone2``."""
    if len(name) > _LONGEST_WORDS:
        return False
    decomposed = unicodedata.normalize("NFKD", name).replace("ß", "ss")
    letters = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    folded = "".join(filter(str.isalnum, letters.casefold()))
    if folded in _KNOWN:
        return True
    tokens = _TOKEN.findall(letters)
    words = [token.casefold() for token in tokens if not token.isdigit()]
    if name.strip() == "ID" or name.lstrip()[:1].isdigit() or sum(map(str.isdigit, name)) > _MOST_DIGITS:
        # Idaho, the number of a house, a phone.
        return False
    if words[1:] and words[-1] in ("st", "street"):
        # State Street, First St.
        return False
    if folded in _WORDS:
        return True
    # An underscore or a capital inside makes an identifier, in which other words may stand too.
    identifier = "_" in name and name.strip().isidentifier()
    return any(word in _WORDS for word in words) and (identifier or all(word in _ALL_WORDS for word in words))


def _is_likely(name: str) -> bool:
    """Whether a name is made of words that are a header's where others speak for one, such as ``mobile``."""
    words = re.split(r"[\s_-]+", name.strip().casefold())
    return all(word in _ALL_WORDS for word in words)
