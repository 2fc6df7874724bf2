"""What a pass has to say about the identifiers of its events: violations, blocked values, events that name nobody."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from ..identity.external_id import Identifier
from ..identity.resolution import MAPPINGS, MERGES, VALUES, VALUES_IN_TIME, Violation
from ..tracking.event import Event
from . import identity_log as log
from .identity_log import Entry

KINDS = {
    VALUES: log.VALUE_LIMIT,
    VALUES_IN_TIME: log.TIME_LIMIT,
    MERGES: log.MERGE_LIMIT,
    MAPPINGS: log.MAPPING_LIMIT,
}


class _Finding(NamedTuple):
    kind: str
    identifier: Identifier | None
    in_excess: str | None


MOST = 200  # of one pass: the log is there to see what goes wrong, not to count it


class Findings:
    """Each is kept once per queue message: a device that two people share breaks a limit with every event."""

    def __init__(self) -> None:
        self._found: dict[tuple[bytes, _Finding], tuple[Event, str | None]] = {}

    def add(
        self,
        event: Event,
        tag: bytes,
        profile_id: str | None,
        blocked: Iterable[Identifier],
        violations: Iterable[Violation],
    ) -> None:
        found = [_Finding(log.BLOCKED, identifier, None) for identifier in blocked]
        found += [_Finding(KINDS[v.reason], v.identifier, v.in_excess) for v in violations]
        if profile_id is None:
            found.append(_Finding(log.UNRESOLVED, None, None))
        for finding in found:
            if len(self._found) < MOST:
                self._found.setdefault((tag, finding), (event, profile_id))

    def entries(self, final: Callable[[str | None], str | None]) -> dict[str | None, list[Entry]]:
        """By the id of the profile that the event went to after all; None: to nobody."""
        entries: dict[str | None, list[Entry]] = {}
        for (_, finding), (event, placed) in self._found.items():
            profile_id = final(placed)
            entries.setdefault(profile_id, []).append(_entry(finding, event, [profile_id] if profile_id else []))
        return entries


def _entry(finding: _Finding, event: Event, profile_ids: list[str]) -> Entry:
    identifier = finding.identifier
    return Entry(
        at=event.received_at,
        kind=finding.kind,
        message_id=event.message_id,
        source_id=event.source_id,
        type=identifier.type if identifier else None,
        value=identifier.value if identifier else None,
        in_excess=finding.in_excess,
        profile_ids=profile_ids,
    )
