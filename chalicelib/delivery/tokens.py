"""Access tokens that partners let expire: renewed once, and shared by all workers.

What was renewed is kept sealed beside the owner's settings, never among them: as soon as the owner changes these, it
does not count any more.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from ..clock import DAY, SECOND, Clock
from ..destinations.kind import DestinationKind, Settings
from ..errors import Conflict, MusterError, VersionConflict
from ..records import Key, Record, Records
from ..secrecy import Secrets
from .classification import Undelivered
from .redirects import follow
from .transport import Transport

KEPT = 400 * DAY  # a refresh token may be good for a year
LEASE = 30 * SECOND  # longer than a renewal takes


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """`settings` is sealed JSON, blank before the first renewal; `owner` tells the owner's settings it came from.
    Until `leased_until` (epoch ms) somebody is about to renew it."""

    owner: str
    settings: str = ""
    leased_until: int = 0


class BeingRenewed(MusterError):
    """Another worker is at it: the message has to wait a moment."""


class Tokens:
    def __init__(self, work: Records, secrets: Secrets, transport: Transport, clock: Clock) -> None:
        self._work, self._secrets, self._transport, self._clock = work, secrets, transport, clock
        self._opened: dict[str, Mapping[str, Any]] = {}  # by sealed text: opening costs a call

    def settings(self, destination_id: str, kind: DestinationKind, given: Settings) -> Settings:
        """The owner's settings, with what was renewed since in their place."""
        if kind.renewal is None:
            return given
        return {**given, **self._renewed(destination_id, given, self._work.get(_key(destination_id)))}

    def renew(self, destination_id: str, kind: DestinationKind, given: Settings, used: Settings) -> Settings | None:
        """Settings to try again with, after those `used` were refused; None when the partner gives no new ones.

        Raises BeingRenewed.
        """
        if kind.renewal is None:
            return None
        held = self._work.get(_key(destination_id))
        present = {**given, **self._renewed(destination_id, given, held)}
        if present != used:
            return present  # somebody else was quicker
        leased = self._lease(destination_id, given, held)
        found = self._asked(kind, present)
        sealed = _decode(leased).settings
        if found is not None:
            kept = {**self._renewed(destination_id, given, leased), **found}
            sealed = self._secrets.seal(msgspec.json.encode(kept).decode(), destination_id)
        self._keep(leased, Kept(owner=_digest(given), settings=sealed))
        return None if found is None else {**present, **found}

    def _lease(self, destination_id: str, given: Settings, held: Record | None) -> Record:
        now, kept = self._clock.now(), _decode(held) if held else None
        if kept is not None and kept.leased_until > now:
            raise BeingRenewed
        is_same = kept is not None and kept.owner == _digest(given)
        settings = kept.settings if kept is not None and is_same else ""
        leased = Kept(owner=_digest(given), settings=settings, leased_until=now + LEASE)
        data = msgspec.json.encode(leased)
        try:
            if held is None:
                return self._work.create(_key(destination_id), data, expires_at=now + KEPT)
            return self._work.replace(held, data, expires_at=now + KEPT)
        except (Conflict, VersionConflict) as error:
            raise BeingRenewed from error

    def _keep(self, leased: Record, kept: Kept) -> None:
        try:
            self._work.replace(leased, msgspec.json.encode(kept), expires_at=self._clock.now() + KEPT)
        except VersionConflict as error:
            raise BeingRenewed from error  # it took longer than the lease: the other's token counts

    def _asked(self, kind: DestinationKind, settings: Settings) -> Mapping[str, Any] | None:
        if kind.renewal is None:
            return None
        try:
            response = follow(self._transport, kind.renewal.request(settings), kind.limits.timeout)
            return kind.renewal.settings(response.body) if 200 <= response.status < 300 else None
        except (Undelivered, ValueError, KeyError, msgspec.DecodeError):
            return None

    def _renewed(self, destination_id: str, given: Settings, held: Record | None) -> Mapping[str, Any]:
        kept = _decode(held) if held else None
        if kept is None or not kept.settings or kept.owner != _digest(given):
            return {}
        if kept.settings not in self._opened:
            opened = msgspec.json.decode(self._secrets.open(kept.settings, destination_id), type=dict[str, Any])
            self._opened = {kept.settings: opened, **dict(list(self._opened.items())[:100])}
        return self._opened[kept.settings]


def _key(destination_id: str) -> Key:
    return Key(f"token#{destination_id}", "renewed")


def _decode(record: Record) -> Kept:
    return msgspec.json.decode(record.data, type=Kept)


def _digest(settings: Settings) -> str:
    return hashlib.sha256(msgspec.json.encode(dict(settings), order="deterministic")).hexdigest()
