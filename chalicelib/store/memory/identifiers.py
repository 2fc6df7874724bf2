"""Identifier mappings in memory."""

import threading
from collections.abc import Iterable

from ...identity.external_id import Identifier
from ...profiles.ports import Claim
from ..keys import identifier_pk


class MemoryIdentifiers:
    """`claims` holds the mappings by their table key."""

    def __init__(self) -> None:
        self.claims: dict[str, Claim] = {}
        self._lock = threading.Lock()

    def owners(self, space_id: str, identifiers: Iterable[Identifier]) -> dict[Identifier, str]:
        wanted = {identifier: self.claims.get(identifier_pk(space_id, identifier)) for identifier in identifiers}
        return {identifier: claim.profile_id for identifier, claim in wanted.items() if claim is not None}

    def claim(self, mapping: Claim) -> str:
        with self._lock:
            return self.claims.setdefault(identifier_pk(mapping.space_id, mapping.identifier), mapping).profile_id

    def release(self, space_id: str, identifier: Identifier, profile_id: str) -> None:
        pk = identifier_pk(space_id, identifier)
        with self._lock:
            claim = self.claims.get(pk)
            if claim is not None and claim.profile_id == profile_id:
                del self.claims[pk]
