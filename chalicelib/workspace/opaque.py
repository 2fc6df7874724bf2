"""Ids that tell nothing about what they name."""

import hashlib

from ..ids import Ids

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"  # base 62 without 0, I, O and l
LENGTH = 22  # 128 bits in base 58


def opaque_id(ids: Ids) -> str:
    """A new id of 22 base-58 characters: workspaces, spaces, sources and destinations."""
    number = int.from_bytes(hashlib.sha256(ids.secret().encode()).digest(), "big")
    digits = []
    for _ in range(LENGTH):
        number, digit = divmod(number, len(BASE58))
        digits.append(BASE58[digit])
    return "".join(digits)
