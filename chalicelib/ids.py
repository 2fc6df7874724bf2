"""Where ids come from: KSUID-shaped, so that they sort by the time they were made."""

import hashlib
import secrets
from typing import Protocol

from .clock import Clock

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
KSUID_EPOCH = 1_400_000_000  # seconds; the epoch of the KSUID format
KSUID_LENGTH = 27  # 160 bits in base 62


class Ids(Protocol):
    def ksuid(self, prefix: str) -> str:
        """`prefix` followed by 27 base-62 characters, never the same twice."""
        ...

    def secret(self) -> str:
        """Base-62 text of 32 characters that cannot be guessed: write keys and tokens."""
        ...

    def suffix(self) -> str:
        """Five random lower-case letters or digits."""
        ...


def ksuid(prefix: str, instant: int, payload: bytes) -> str:
    """A KSUID of `instant` (epoch ms) and the first 16 bytes of `payload`."""
    seconds = max(0, instant // 1_000 - KSUID_EPOCH) & 0xFFFFFFFF
    number = (seconds << 128) | int.from_bytes(payload[:16], "big")
    digits = []
    for _ in range(KSUID_LENGTH):
        number, digit = divmod(number, 62)
        digits.append(BASE62[digit])
    return prefix + "".join(reversed(digits))


def derived(prefix: str, instant: int, *parts: str) -> str:
    """A KSUID that is the same for the same parts: a repeated step makes the same id."""
    return ksuid(prefix, instant, hashlib.sha256("\x1f".join(parts).encode()).digest())


class RandomIds:
    """Ids for production."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def ksuid(self, prefix: str) -> str:
        return ksuid(prefix, self._clock.now(), secrets.token_bytes(16))

    def secret(self) -> str:
        return "".join(secrets.choice(BASE62) for _ in range(32))

    def suffix(self) -> str:
        return "".join(secrets.choice(BASE62[:10] + BASE62[36:]) for _ in range(5))


class CountingIds:
    """Ids for tests: the n-th call gives the same id in every run."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._count = 0

    def _next(self) -> str:
        self._count += 1
        return str(self._count)

    def ksuid(self, prefix: str) -> str:
        return derived(prefix, self._clock.now(), self._next())

    def secret(self) -> str:
        return derived("", 0, "secret", self._next()).rjust(32, "0")

    def suffix(self) -> str:
        digest = hashlib.sha256(self._next().encode()).hexdigest()
        return digest[:5]
