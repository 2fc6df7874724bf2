"""The table `identifiers`: which profile an external id leads to."""

from collections.abc import Iterable

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.connection import Connection
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


class DynamoIdentifiers:
    def __init__(self, connection: Connection, table: str) -> None:
        self._table = Table(IdentifierItem, connection, table)

    def owners(self, space_id: str, identifiers: Iterable[Identifier]) -> dict[Identifier, str]:
        wanted = {identifier_pk(space_id, identifier): identifier for identifier in identifiers}
        return {wanted[item.pk]: item.profile_id for item in self._table.get_many((pk,) for pk in wanted)}

    def claim(self, mapping: Claim) -> str:
        item = self._table.model(
            pk=identifier_pk(mapping.space_id, mapping.identifier),
            profile_id=mapping.profile_id,
            created_at=mapping.created_at,
            source_id=mapping.source_id,
            message_id=mapping.message_id,
        )
        for _ in range(CLAIM_ATTEMPTS):
            try:
                self._table.put(item, IdentifierItem.pk.does_not_exist())
                return mapping.profile_id
            except ConditionFailed:
                owner = self._table.get(item.pk)
                if owner is not None:
                    return owner.profile_id
        raise Unavailable("an identifier is claimed and released all the time")

    def release(self, space_id: str, identifier: Identifier, profile_id: str) -> None:
        leads_there = IdentifierItem.profile_id == profile_id
        try:
            self._table.delete(identifier_pk(space_id, identifier), condition=leads_there)
        except ConditionFailed:
            return  # it leads elsewhere or nowhere: nothing of ours to remove
