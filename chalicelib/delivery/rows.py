"""Identity rows: under which identifiers a profile is told to a destination, one event per row."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import NamedTuple, TypeVar

from ..computations.computation import Computation
from ..identity.external_id import ExternalId
from ..workspace.model import PER_IDENTIFIER, Connection, IdSync

GROUP_ID = "group_id"
USER_ID = "user_id"
EMAIL = "email"
ANONYMOUS_ID = "anonymous_id"
MOBILE = ("ios.idfa", "android.idfa")
STANDARD = frozenset({USER_ID, EMAIL, ANONYMOUS_ID, *MOBILE})

ALL = "all"
NONE = "none"

Value = TypeVar("Value")


class Custom(NamedTuple):
    """An identifier of the owner's own type and the name it travels under."""

    type: str
    value: str
    field: str


class Row(NamedTuple):
    """`mobile` is (type, value)."""

    user_id: str | None = None
    email: str | None = None
    anonymous_id: str | None = None
    mobile: tuple[str, str] | None = None
    custom: tuple[Custom, ...] = ()

    def holds(self, identifiers: frozenset[tuple[str, str]]) -> bool:
        return not identifiers.isdisjoint(self._identifiers())

    def _identifiers(self) -> Iterator[tuple[str, str]]:
        named = ((USER_ID, self.user_id), (EMAIL, self.email), (ANONYMOUS_ID, self.anonymous_id))
        yield from ((type, value) for type, value in named if value is not None)
        if self.mobile:
            yield self.mobile
        yield from ((custom.type, custom.value) for custom in self.custom)


class Group(NamedTuple):
    """An account."""

    group_id: str

    def holds(self, identifiers: frozenset[tuple[str, str]]) -> bool:
        return (GROUP_ID, self.group_id) in identifiers


class _Values(NamedTuple):
    """What may be combined, each in the order it was added."""

    user_ids: Sequence[str]
    emails: Sequence[str]
    anonymous_ids: Sequence[str]
    mobiles: Sequence[tuple[str, str]]
    customs: Sequence[Sequence[Custom]]


def rows(external_ids: Iterable[ExternalId], computation: Computation, connection: Connection) -> list[Row]:
    """For members and for values: what ID Sync selects, everything standard when it is not set up."""
    sync = {s.external_id: s for s in connection.id_sync}
    return _arranged(_values(external_ids, computation, connection, sync), connection)


def exit_rows(external_ids: Iterable[ExternalId], computation: Computation, connection: Connection) -> list[Row]:
    """For those who leave: every value, whatever ID Sync selects. Its mapping of custom types still holds, a
    partner that knows somebody only by such an id could not remove them otherwise."""
    return _arranged(_values(external_ids, computation, connection, {}), connection)


def groups(external_ids: Iterable[ExternalId]) -> list[Group]:
    """One per name that the account has; ID Sync speaks of people only."""
    return [Group(e.value) for e in sorted(external_ids, key=lambda e: e.created_at) if e.type == GROUP_ID]


def _values(
    external_ids: Iterable[ExternalId], computation: Computation, connection: Connection, sync: Mapping[str, IdSync]
) -> _Values:
    known: dict[str, list[str]] = {}
    for external_id in sorted(external_ids, key=lambda e: e.created_at):
        known.setdefault(external_id.type, []).append(external_id.value)

    def selected(type: str, unlisted: str) -> list[str]:
        return _by_strategy(known.get(type, []), sync[type].strategy if type in sync else unlisted)

    # These two have switches of their own, so ID Sync can only narrow them.
    anonymous = ANONYMOUS_ID in computation.external_ids
    mobile = bool(connection.settings.get("sendMobileIds", False))
    unlisted = NONE if sync else ALL
    customs = [s for s in connection.id_sync if s.external_id not in STANDARD]
    return _Values(
        selected(USER_ID, unlisted),
        selected(EMAIL, unlisted),
        selected(ANONYMOUS_ID, ALL) if anonymous else [],
        [(type, value) for type in MOBILE for value in selected(type, ALL)] if mobile else [],
        [
            [Custom(s.external_id, value, s.map_to or s.external_id) for value in selected(s.external_id, ALL)]
            for s in customs
        ],
    )


def _by_strategy(values: list[str], strategy: str) -> list[str]:
    return {"first": values[:1], "last": values[-1:], ALL: values, NONE: []}[strategy]


def _arranged(values: _Values, connection: Connection) -> list[Row]:
    if connection.settings.get("fanout") == PER_IDENTIFIER:
        return list(_single(values))
    return list(_combined(values))


def _combined(values: _Values) -> Iterator[Row]:
    customs = list(product(*map(_or_blank, values.customs)))
    axes = _or_blank(values.user_ids), _or_blank(values.emails), _or_blank(values.mobiles)
    for user_id, email, mobile in product(*axes):
        for picked in customs:
            row = Row(user_id, email, None, mobile, tuple(custom for custom in picked if custom))
            if row != Row():
                yield row
    yield from (Row(anonymous_id=value) for value in values.anonymous_ids)


def _or_blank(values: Sequence[Value]) -> Sequence[Value | None]:
    return values or [None]


def _single(values: _Values) -> Iterator[Row]:
    yield from (Row(user_id=value) for value in values.user_ids)
    yield from (Row(email=value) for value in values.emails)
    yield from (Row(mobile=pair) for pair in values.mobiles)
    yield from (Row(custom=(custom,)) for axis in values.customs for custom in axis)
    yield from (Row(anonymous_id=value) for value in values.anonymous_ids)
