"""
Decide whether a list's first line is a header, and whether messages may quote it.

The first line of a list without a header is a person's record. A message quotes the line only if something in it looks
like a header: a line of names and cities has nothing that looks like data.
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

_MAX_LISTED_COLUMNS = 30
"""Messages don't list the names of more columns."""

_MIN_HEADER_WORDS = 3
"""A line with this many header words is a header: that many don't occur in a record by chance."""

# Words that are rarely the name of a person, street or city.
_HEADER_WORDS = """
address addr age birthdate birthday cellphone city code column country county created date description district dob
email emailaddress ethnicity first firstname fname forename fullname gender hash hashed household id identifier ids
income landline language last lastname latitude lname longitude mail md5 middlename mname name names npi num number
organization phone phonenumber postal postalcode postcode precinct prefix region sha1 sha256 sha512 sex state status
streetaddress suffix surname tel telephone timestamp unnamed updated url user userid username uuid voter voterid voters
zip zip4 zip5 zipcode
adresse apellido apellidos codigo correo direccion nachname nombre plz postleitzahl prenom strasse telefon telefono
vorname
"""
# Header words next to one of the above; alone, they may be a surname, a city or a value.
_AMBIGUOUS_WORDS = """
account active and area at birth cell client company contact customer day e ethnic family field flag for full given
group home in index is key lat line lng lon lead list md member middle mobile no of office party patient person primary
record registered residence score secondary segment sha source st store street subscriber the tier time title town type
value ville work
"""
_WORDS = frozenset(_HEADER_WORDS.split())
_ALL_WORDS = _WORDS.union(_AMBIGUOUS_WORDS.split())
_KNOWN = frozenset(
    "".join(filter(str.isalnum, name.casefold())) for field in Field for name in (field.value, *FIELD_LABELS[field])
)
_CONTACT_CHANNELS = frozenset({"cell", "email", "e-mail", "home", "landline", "mail", "mobile", "phone", "telephone"})
"""Values of a "preferred channel" column: data, even if a mapped column has the same name."""

_PLACEHOLDER = re.compile(r"[a-z][0-9]{0,2}|(?:col|column|field|var)_?[0-9]+")
"""Generated column names, which are never values."""

_TOKEN = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_MAX_DIGITS = 4
_MAX_NAME_LENGTH = 100


@dataclass(frozen=True)
class Header:
    """
    The first line of a list: a header, unless the list has none.

    :param names: The line's names.
    :param mapped: The columns that the user mapped; a line that has one is a header.
    :param certain: Whether the names are known to be column names, such as a database's.
    """

    names: tuple[str, ...]
    mapped: Set[str] = frozenset()
    certain: bool = False

    def __repr__(self) -> str:
        # The names may be a person's data, and a repr ends up in logs.
        return f"<Header of {len(self.names)} columns>"

    @cached_property
    def kinds(self) -> list[ValueKind]:
        """The kind of value of each name that looks like data."""
        return [kind for name in self.names if not is_header_word(name) and (kind := value_kind(name))]

    @cached_property
    def may_be_shown(self) -> bool:
        """Whether messages may quote the names: none looks like data, and enough look like a header."""
        if self.certain:
            return True
        if self.kinds:
            return False
        filled = [name for name in self.names if name.strip()]
        words = {name for name in filled if is_header_word(name)}
        placeholders = [name for name in filled if _PLACEHOLDER.fullmatch(name)]
        if len(words) >= _MIN_HEADER_WORDS or len(placeholders) == len(filled) or self._has_mapped:
            return True
        likely = [name for name in filled if name in words or name in placeholders or _is_likely(name)]
        return len(words) > 0 and 2 * len(likely) > len(filled)

    @property
    def _has_mapped(self) -> bool:
        found = self.mapped & set(self.names)
        return len(found) > 1 or any(name.casefold() not in _CONTACT_CHANNELS for name in found)

    @property
    def doubt(self) -> str:
        """Why the line may not be a header, without quoting it; empty if it is one."""
        if self.may_be_shown:
            return ""
        total = len(self.names)
        if not self.kinds:
            return (
                "The first line doesn't look like a header and may be a person's data: its "
                f"{count_of(total, 'value')} {'is' if total == 1 else 'are'} not shown"
            )
        found = ", ".join(dict.fromkeys(self.kinds))
        verb = "looks like data" if len(self.kinds) == 1 else "look like data"
        return f"{len(self.kinds):,} of the {count_of(total, 'value')} in the first line {verb} ({found})"

    def suggest(self, name: str) -> str:
        """
        Suggest a column for one that isn't in the file, as far as the file's names may be shown.

        :param name: The missing column.
        """
        if not self.may_be_shown:
            return f" {self.doubt}. If the list has no header, add one; otherwise check the column's spelling."
        has = f" Columns in the file: {quote_names(self.names)}." if len(self.names) <= _MAX_LISTED_COLUMNS else ""
        return f"{did_you_mean(name, self.names)}{has}"

    def label(self, position: int) -> str:
        """
        Return a column's name if it may be shown, else its position.

        :param position: The column's position, from 0.
        """
        name = self.names[position]
        if self.may_be_shown or name in self.mapped:
            return f"column {name!r}"
        return f"column {position + 1} of {len(self.names)}"


def count_identifying(names: Collection[str]) -> int:
    """Count the names that look like an email, a phone number or the like."""
    return sum(not is_header_word(name) and value_kind(name) in IDENTIFYING for name in names)


def is_header_word(name: str) -> bool:
    """Return whether a name consists of header words, such as ``first_name``, ``E-Mail`` or ``homePhone2``."""
    if len(name) > _MAX_NAME_LENGTH:
        return False
    decomposed = unicodedata.normalize("NFKD", name).replace("ß", "ss")
    letters = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    folded = "".join(filter(str.isalnum, letters.casefold()))
    if folded in _KNOWN:
        return True
    tokens = _TOKEN.findall(letters)
    words = [token.casefold() for token in tokens if not token.isdigit()]
    if name.strip() == "ID" or name.lstrip()[:1].isdigit() or sum(map(str.isdigit, name)) > _MAX_DIGITS:
        # Idaho, a house number or a phone number.
        return False
    if words[1:] and words[-1] in ("st", "street"):
        # State Street, First St.
        return False
    if folded in _WORDS:
        return True
    # An identifier (with an underscore) may also contain other words.
    identifier = "_" in name and name.strip().isidentifier()
    return any(word in _WORDS for word in words) and (identifier or all(word in _ALL_WORDS for word in words))


def _is_likely(name: str) -> bool:
    """Return whether a name consists of header words or ambiguous ones, such as ``mobile``."""
    words = re.split(r"[\s_-]+", name.strip().casefold())
    return all(word in _ALL_WORDS for word in words)
