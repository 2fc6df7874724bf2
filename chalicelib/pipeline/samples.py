"""Which values may be shown as samples of a field: such as many people share, and nothing that is about one of them.

Names decide first, then values. Nobody can tell all personal data by looking at it, so whatever is in doubt is out.
"""

import re
from functools import lru_cache
from typing import Any

LONGEST = 40  # characters: what is longer was written by somebody, not chosen
MOST_WORDS = 4
MOST_DIGITS = 6  # of a text: a telephone number or a number of a card has more
LARGEST = 1_000_000  # a greater number may be a number of something
NAMES_KEPT = 10_000

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
_WORDS = frozenset(
    _WORD.findall(
        "account accounts age agent alias answer assignee author avatar bic billing birthday body card cell city "
        "code comment contact cookie coordinates customer cvc cvv date description device dob driver employee "
        "ethnicity facebook fax feedback friend gender geo guid handle hash health iban id identifier ids image "
        "income instagram ip key keyword lat latitude license linkedin lng location lon longitude manager member "
        "message note notes number owner partner passport path patient person photo picture pin plate postal "
        "postcode query question race receipt recipient referrer religion rep reply review salary search sender "
        "serial session sex shipping signature skype social ssn street subject tax tel telegram text tin title "
        "token twitter uid url user username uuid vat vin whatsapp zip zipcode"
    )
)
_PARTS = ("address", "birth", "email", "mail", "mobile", "name", "passw", "phone", "secret", "token")
_UNSHARED = re.compile(r"@|://|[0-9a-fA-F-]{16,}|\d+\.\d+\.\d+\.\d+|[0-9a-fA-F]{0,4}::?[0-9a-fA-F]{1,4}:")


@lru_cache(NAMES_KEPT)
def may_be_sampled(name: str) -> bool:
    """Whether values of a field of this name may be shown at all."""
    lowered = name.lower()
    return not any(part in lowered for part in _PARTS) and not any(
        word.lower() in _WORDS for word in _WORD.findall(name)
    )


def sample(name: str, value: Any) -> str | None:
    """The value as it is shown, None for one that is not."""
    if not may_be_sampled(name):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value) if abs(value) < LARGEST else None
    return value if isinstance(value, str) and _is_shared(value) else None


def _is_shared(text: str) -> bool:
    return (
        0 < len(text.strip()) <= len(text) <= LONGEST
        and text.isprintable()
        and len(text.split()) <= MOST_WORDS
        and sum(character.isdigit() for character in text) <= MOST_DIGITS
        and _UNSHARED.search(text) is None
    )
