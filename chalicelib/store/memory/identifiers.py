"""Identifier mappings in memory."""

import threading
from collections.abc import Iterable

import msgspec

from ...identity.external_id import Identifier
from ...profiles.ports import Claim
from ..keys import identifier_pk


class MemoryIdentifiers:
    """`claims` holds the mappings by their table key."""

    def __init__(self) -> None:
        self.claims: dict[str, Claim] = {}
        self._lock = threading.Lock()

    def owners(self, space_id: str, identifiers: Iterable[Identifier]) -> dict[Identifier, str]:
        return {identifier: claim.profile_id for identifier, claim in self.find(space_id, identifiers).items()}

    def find(self, space_id: str, identifiers: Iterable[Identifier]) -> dict[Identifier, Claim]:
        wanted = {identifier: self.claims.get(identifier_pk(space_id, identifier)) for identifier in identifiers}
        return {identifier: claim for identifier, claim in wanted.items() if claim is not None}

    def claim(self, mapping: Claim, over: Claim | None = None) -> str:
        pk = identifier_pk(mapping.space_id, mapping.identifier)
        with self._lock:
            known = self.claims.get(pk)
            ours = known and known.profile_id == mapping.profile_id and known.version <= mapping.version
            if known is None or ours or (over and _is_same(known, over)):
                known = self.claims[pk] = mapping
            return known.profile_id

    def move(self, claim: Claim, profile_id: str, version: int) -> None:
        pk = identifier_pk(claim.space_id, claim.identifier)
        with self._lock:
            known = self.claims.get(pk)
            if known is not None and _is_same(known, claim):
                self.claims[pk] = msgspec.structs.replace(known, profile_id=profile_id, version=version)

    def release(self, space_id: str, identifier: Identifier, profile_id: str, version: int | None = None) -> None:
        pk = identifier_pk(space_id, identifier)
        with self._lock:
            known = self.claims.get(pk)
            if known is not None and known.profile_id == profile_id and version in (None, known.version):
                del self.claims[pk]


def _is_same(known: Claim, seen: Claim) -> bool:
    return (known.profile_id, known.version) == (seen.profile_id, seen.version)
