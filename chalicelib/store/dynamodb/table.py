"""A PynamoDB model bound to a table, with every failure told in our own errors."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Generic, NamedTuple, TypeVar

from pynamodb.connection import Connection, TableConnection
from pynamodb.exceptions import DoesNotExist, PynamoDBException
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.models import Model

from ...errors import Retryable, Unavailable
from ..faults import PASSING, passes

BATCH_GET = 100  # keys; the limit of BatchGetItem
BATCH_ATTEMPTS = 6  # 50 ms doubling: 1.6 s of waiting before giving up
FIRST_PAUSE = 0.05  # seconds

Item = TypeVar("Item", bound=Model)
Raw = dict[str, Any]


class ConditionFailed(Retryable):
    """The condition of a write did not hold."""


class Found(NamedTuple, Generic[Item]):
    """A page of a query. `last` is the key to continue after, None at the end."""

    items: list[Item]
    last: Raw | None


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except PynamoDBException as error:
        code = error.cause_response_code
        if code == "ConditionalCheckFailedException":
            raise ConditionFailed("the condition does not hold") from error
        if code in PASSING or passes(error.cause):
            raise Unavailable(f"dynamodb: {type(error).__name__} {code or ''}".rstrip()) from error
        raise


class Table(Generic[Item]):
    """`model` makes items of this table and no other; `fields` of it build conditions."""

    def __init__(
        self, model: type[Item], connection: Connection, name: str, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        meta = type("Meta", (), {"table_name": name})
        self.model: type[Item] = type(model.__name__, (model,), {"Meta": meta, "__module__": model.__module__})
        self._name, self._sleep = name, sleep
        self._raw = _share(self.model, connection)
        schema = self._raw.get_meta_table()
        self._key_names = [name for name in (schema.hash_keyname, schema.range_keyname) if name]

    def get(self, pk: str, sort: str | None = None) -> Item | None:
        """Strongly consistent."""
        try:
            with _translated():
                return self.model.get(pk, sort, consistent_read=True)
        except DoesNotExist:
            return None

    def get_raw(self, pk: str, sort: str | None = None) -> Raw:
        """The item as DynamoDB spells it, empty when there is none. Strongly consistent."""
        with _translated():
            found: Raw = self._raw.get_item(pk, sort, consistent_read=True)
        item: Raw = found.get("Item", {})
        return item

    def get_many(self, keys: Iterable[tuple[str, ...]]) -> Iterator[Item]:
        """Those that exist, in no particular order. Strongly consistent."""
        wanted = [self._key(key) for key in dict.fromkeys(keys)]
        for start in range(0, len(wanted), BATCH_GET):
            yield from self._get_batch(wanted[start : start + BATCH_GET])

    def put(self, item: Item, condition: Condition | None = None) -> None:
        with _translated():
            item.save(condition)

    def put_returning(self, item: Item, condition: Condition) -> Raw:
        """Like `put`; gives the item that was replaced, empty when there was none."""
        attributes = item.serialize()
        pk, *sort = (next(iter(attributes.pop(name).values())) for name in self._key_names)
        with _translated():
            done: Raw = self._raw.put_item(
                pk, next(iter(sort), None), attributes=attributes, condition=condition, return_values="ALL_OLD"
            )
        old: Raw = done.get("Attributes", {})
        return old

    def update(self, pk: str, sort: str, actions: Sequence[Action], condition: Condition | None = None) -> Raw:
        """The item afterwards, as DynamoDB spells it."""
        with _translated():
            done: Raw = self._raw.update_item(pk, sort, actions=actions, condition=condition, return_values="ALL_NEW")
        item: Raw = done["Attributes"]
        return item

    def delete(self, pk: str, sort: str | None = None, condition: Condition | None = None) -> None:
        with _translated():
            self._raw.delete_item(pk, sort, condition=condition)

    def query(
        self,
        partition: str | int,
        where: Condition | None = None,
        *,
        index: str | None = None,
        limit: int | None = None,
        after: Raw | None = None,
        consistent: bool = False,
        only: Sequence[str] | None = None,
        descending: bool = False,
    ) -> Found[Item]:
        """At most `limit` items in key order (without a limit all), those after the key `after`."""
        with _translated():
            found = self.model.query(
                partition,
                where,
                index_name=index,
                limit=limit,
                last_evaluated_key=after,
                consistent_read=consistent,
                attributes_to_get=only,
                scan_index_forward=not descending,
            )
            return Found(list(found), found.last_evaluated_key)

    def query_raw(self, partition: str, where: Condition | None = None) -> Iterator[Raw]:
        """All items in key order, as DynamoDB spells them. Strongly consistent."""
        after: Raw | None = None
        while True:
            with _translated():
                found: Raw = self._raw.query(
                    partition, range_key_condition=where, exclusive_start_key=after, consistent_read=True
                )
            yield from found["Items"]
            after = found.get("LastEvaluatedKey")
            if after is None:
                return

    def _key(self, key: tuple[str, ...]) -> dict[str, str]:
        return dict(zip(self._key_names, key, strict=True))

    def _get_batch(self, keys: list[Any]) -> Iterator[Item]:
        for attempt in range(BATCH_ATTEMPTS):
            if attempt:
                self._sleep(FIRST_PAUSE * 2 ** (attempt - 1))
            with _translated():
                found: Raw = self._raw.batch_get_item(keys, consistent_read=True)
            yield from (self.model.from_raw_data(raw) for raw in found["Responses"].get(self._name, []))
            keys = found.get("UnprocessedKeys", {}).get(self._name, {}).get("Keys", [])
            if not keys:
                return
        raise Unavailable("dynamodb: a batch read stayed incomplete")


def _share(model: type[Model], connection: Connection) -> TableConnection:
    """Let the model use a connection that other tables use too: PynamoDB would make a client for each."""
    raw = model._get_connection()
    with suppress(ValueError):  # another store uses the same table on this connection
        connection.add_meta_table(raw.get_meta_table())
    raw.connection = connection
    return raw
