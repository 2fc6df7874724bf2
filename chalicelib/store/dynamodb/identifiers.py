"""The table `identifiers`: which profile an external id leads to."""

from collections.abc import Iterable, Iterator

import msgspec
from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.connection import Connection
from pynamodb.expressions.condition import Condition
from pynamodb.models import Model

from ...errors import Unavailable
from ...identity.external_id import Identifier
from ...profiles.ports import Claim
from ..keys import identifier_pk
from .table import ConditionFailed, Table

CLAIM_ATTEMPTS = 3  # a mapping may be released between the refused claim and the look at its owner


class IdentifierItem(Model):
    pk = UnicodeAttribute(hash_key=True)
    profile_id = UnicodeAttribute()
    created_at = NumberAttribute()
    source_id = UnicodeAttribute()
    message_id = UnicodeAttribute()
    version = NumberAttribute(default=0)


class DynamoIdentifiers:
    def __init__(self, connection: Connection, table: str) -> None:
        self._table = Table(IdentifierItem, connection, table)

    def owners(self, space_id: str, identifiers: Iterable[Identifier]) -> dict[Identifier, str]:
        return {identifier: item.profile_id for identifier, item in self._items(space_id, identifiers)}

    def find(self, space_id: str, identifiers: Iterable[Identifier]) -> dict[Identifier, Claim]:
        return {
            identifier: Claim(
                space_id,
                identifier,
                item.profile_id,
                int(item.created_at),
                item.source_id,
                item.message_id,
                int(item.version),
            )
            for identifier, item in self._items(space_id, identifiers)
        }

    def claim(self, mapping: Claim, over: Claim | None = None) -> str:
        item = self._item(mapping)
        ours = (IdentifierItem.profile_id == mapping.profile_id) & (IdentifierItem.version <= mapping.version)
        free = IdentifierItem.pk.does_not_exist() | ours
        if over is not None:
            free |= _leads_to(over.profile_id, over.version)
        for _ in range(CLAIM_ATTEMPTS):
            try:
                self._table.put(item, free)
                return mapping.profile_id
            except ConditionFailed:
                owner = self._table.get(item.pk)
                if owner is not None:
                    return owner.profile_id
        raise Unavailable("an identifier is claimed and released all the time")

    def move(self, claim: Claim, profile_id: str, version: int) -> None:
        moved = msgspec.structs.replace(claim, profile_id=profile_id, version=version)
        try:
            self._table.put(self._item(moved), _leads_to(claim.profile_id, claim.version))
        except ConditionFailed:
            return  # it leads elsewhere by now

    def release(self, space_id: str, identifier: Identifier, profile_id: str, version: int | None = None) -> None:
        try:
            self._table.delete(identifier_pk(space_id, identifier), condition=_leads_to(profile_id, version))
        except ConditionFailed:
            return  # it leads elsewhere or nowhere: nothing of ours to remove

    def _items(self, space_id: str, identifiers: Iterable[Identifier]) -> Iterator[tuple[Identifier, IdentifierItem]]:
        wanted = {identifier_pk(space_id, identifier): identifier for identifier in identifiers}
        return ((wanted[item.pk], item) for item in self._table.get_many((pk,) for pk in wanted))

    def _item(self, mapping: Claim) -> IdentifierItem:
        return self._table.model(
            pk=identifier_pk(mapping.space_id, mapping.identifier),
            profile_id=mapping.profile_id,
            created_at=mapping.created_at,
            source_id=mapping.source_id,
            message_id=mapping.message_id,
            version=mapping.version,
        )


def _leads_to(profile_id: str, version: int | None) -> Condition:
    there: Condition = IdentifierItem.profile_id == profile_id
    return there if version is None else there & (IdentifierItem.version == version)
