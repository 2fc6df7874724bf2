"""Personal data as Meta's custom audiences match it: normalised field by field, then SHA-256 in lower-case hex.

What is hashed already goes through as it is; what is blank, or becomes blank, stays blank and never fails a batch.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

_HASHED = re.compile(r"[0-9a-fA-F]{64}")

_CODES = """
    alabama:al alaska:ak arizona:az arkansas:ar california:ca colorado:co connecticut:ct delaware:de florida:fl
    georgia:ga hawaii:hi idaho:id illinois:il indiana:in iowa:ia kansas:ks kentucky:ky louisiana:la maine:me
    maryland:md massachusetts:ma michigan:mi minnesota:mn mississippi:ms missouri:mo montana:mt nebraska:ne
    nevada:nv newhampshire:nh newjersey:nj newmexico:nm newyork:ny northcarolina:nc northdakota:nd ohio:oh
    oklahoma:ok oregon:or pennsylvania:pa rhodeisland:ri southcarolina:sc southdakota:sd tennessee:tn texas:tx
    utah:ut vermont:vt virginia:va washington:wa westvirginia:wv wisconsin:wi wyoming:wy districtofcolumbia:dc
"""
_STATES = dict(pair.split(":") for pair in _CODES.split())


def hashed(value: Any, normalise: Callable[[str], str]) -> str:
    text = _text(value)
    if _HASHED.fullmatch(text):
        return text
    normal = normalise(text)
    return hashlib.sha256(normal.encode()).hexdigest() if normal else ""


def plain(value: Any) -> str:
    return _text(value).strip()


def email(text: str) -> str:
    return text.strip().lower()


def phone(text: str) -> str:
    """With the country code, which nobody can guess."""
    return re.sub(r"\D", "", text, flags=re.ASCII).lstrip("0")


def name(text: str) -> str:
    kept = (c for c in text.strip().lower() if not unicodedata.category(c).startswith(("P", "S")))
    return "".join(kept).strip()


def initial(text: str) -> str:
    return text.strip().lower()[:1]


def gender(text: str) -> str:
    """The first letter of what people write for it."""
    letter = text.strip().lower()[:1]
    return letter if letter in ("f", "m") else ""


def year(text: str) -> str:
    return text.strip()


def month(text: str) -> str:
    return text.strip().zfill(2) if text.strip() else ""


day = month


def letters(text: str) -> str:
    """Cities and countries: ASCII letters and digits alone."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


def state(text: str) -> str:
    found = letters(text)
    return _STATES.get(found, found)


def postal_code(text: str) -> str:
    return re.sub(r"\s", "", text.lower()).partition("-")[0]


def _text(value: Any) -> str:
    """Partners match texts; a number may have been sent where a text belongs."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def row(values: Mapping[str, Any], columns: Mapping[str, Callable[[str], str] | None]) -> list[str]:
    """A cell per column; None as its rule says that it is not hashed."""
    return [
        plain(values.get(column)) if rule is None else hashed(values.get(column), rule)
        for column, rule in columns.items()
    ]
