"""How the `workspace` table is laid out, and typed access to it.

    partition          sort                        holds
    workspace#{id}     workspace                   Workspace
                       space#{id}                  Space
                       source#{id}                 Source
                       source_slug#{slug}          Reservation of the slug, owner is the source
                       destination#{id}            Destination
                       label#{key}#{value}         Label, key and value percent-encoded
                       token#{id}                  IssuedToken, with the hash that leads to its token
                       channel#{id}                Channel of notifications
                       audit_forwarding            Forwarding, absent as long as it was never switched on
    space#{id}         computation#{id}            Computation
                       key#{key}                   Reservation of the key for ever, owner is the computation
                       connection#{id}             Connection
                       activation#{id}             Activation
                       link#{computation}#{dest}   Reservation of the pair, owner is the connection
                       journey#{id}                Journey
                       journey_version#{journey}#{id}  Version
                       identity_rules              Rules, absent as long as the default holds
                       filters                     SpaceFilters, absent as long as there was none
                       failure_notifications       Preferences, absent as long as the default holds
                       version                     counter of changes of computations, connections, rules, filters
    alerts             {workspace}#{id}            Alert, of all workspaces
    write_key#{key}    write_key                   Place of its source
    token#{sha256}     token                       Token
    index#{kind}#{id}  index                       Place of a space or destination known by its id alone
    founding#{slug}    founding                    Founding
    founding_secret#{sha256}  founding_secret      which workspace the secret was used for

Nothing is read by walking the table, and no write covers two items. Instead every writer keeps one order: first the
reservations and pointers, then the thing itself, whose record alone makes it exist; removals go the other way
round. Whoever is killed half way leaves names that lead nowhere: lookups check the thing itself, and a
reservation without its thing can be taken over (a key is simply never used).
"""

from collections.abc import Callable
from typing import Generic, TypeVar
from urllib.parse import quote

import msgspec

from ..clock import MINUTE, Clock
from ..computations.computation import Computation
from ..errors import Conflict, NotFound, VersionConflict
from ..identity.rules import Rules
from ..journeys.model import Journey, Version
from ..records import Key, Record, Records, every
from .model import Activation, Connection, Destination, Label, Source, Space, SpaceFilters, Token, Workspace

T = TypeVar("T")

ABANDONED_AFTER = MINUTE  # no request lives that long: API Gateway gives up after 29 s
ATTEMPTS = 5  # of one amendment against others; owners rarely change the same thing at the same moment


class Reservation(msgspec.Struct, kw_only=True):
    """A name taken by `owner` at an instant (epoch ms)."""

    owner: str
    at: int


class Place(msgspec.Struct, kw_only=True):
    """Where something lives that is known by an id or a write key alone."""

    workspace_id: str
    id: str


class IssuedToken(msgspec.Struct, kw_only=True):
    """A token as its workspace lists it; `digest` is the SHA-256 by which it is found."""

    token: Token
    digest: str


class Shelf(Generic[T]):
    """The records of one type."""

    def __init__(self, records: Records, type: type[T]) -> None:
        self._records = records
        self._decoder = msgspec.msgpack.Decoder(type)

    def find(self, key: Key) -> T | None:
        record = self._records.get(key)
        return None if record is None else self.read(record)

    def get(self, key: Key) -> T:
        """Raises NotFound."""
        value = self.find(key)
        if value is None:
            raise _not_found(key)
        return value

    def read(self, record: Record) -> T:
        return self._decoder.decode(record.data)

    def every(self, partition: str, prefix: str) -> list[T]:
        return [self.read(record) for record in every(self._records, partition, prefix)]

    def put(self, key: Key, value: T) -> None:
        """Create or overwrite."""
        self._records.put(key, msgspec.msgpack.encode(value))

    def create(self, key: Key, value: T) -> None:
        """Raises Conflict when the key is taken."""
        self._records.create(key, msgspec.msgpack.encode(value))

    def ensure(self, key: Key, value: T) -> T:
        """What stands there already, otherwise `value`."""
        try:
            self.create(key, value)
        except Conflict:
            return self.get(key)
        return value

    def amend(self, key: Key, change: Callable[[T], T]) -> T:
        """Replace by `change` of the present value, from the start again when somebody else wrote meanwhile.

        Raises NotFound, and VersionConflict when others never stop writing.
        """
        for _ in range(ATTEMPTS):
            record = self._records.get(key)
            if record is None:
                raise _not_found(key)
            value = change(self.read(record))
            try:
                self._records.replace(record, msgspec.msgpack.encode(value))
            except VersionConflict:
                continue
            return value
        raise VersionConflict(f"{key.sort} is being changed by others")

    def delete(self, key: Key) -> None:
        self._records.delete(key)


def _not_found(key: Key) -> NotFound:
    return NotFound(f"there is no {key.sort.partition('#')[0].replace('_', ' ')} with this id")


class Names(Shelf[Reservation]):
    """Names that only one thing may have at a time."""

    def __init__(self, records: Records, clock: Clock) -> None:
        super().__init__(records, Reservation)
        self._clock = clock

    def take(self, key: Key, owner: str, is_used_by: Callable[[str], bool]) -> bool:
        """Reserve the name unless somebody has it. `is_used_by` says whether an owner does exist under that name;
        one that does not was abandoned half way, or is just being made."""
        now = self._clock.now()
        try:
            self.create(key, Reservation(owner=owner, at=now))
            return True
        except Conflict:
            return self._take_over(key, owner, now, is_used_by)

    def _take_over(self, key: Key, owner: str, now: int, is_used_by: Callable[[str], bool]) -> bool:
        def change(present: Reservation) -> Reservation:
            if is_used_by(present.owner) or now - present.at < ABANDONED_AFTER:
                raise Conflict("the name is taken")
            return Reservation(owner=owner, at=now)

        try:
            self.amend(key, change)
        except (Conflict, NotFound, VersionConflict):  # gone or changed this very moment: somebody is busy with it
            return False
        return True


class Storage:
    """Every shelf of the table, and the keys of what stands on them."""

    def __init__(self, records: Records, clock: Clock) -> None:
        self.records = records
        self.workspaces = Shelf(records, Workspace)
        self.spaces = Shelf(records, Space)
        self.sources = Shelf(records, Source)
        self.destinations = Shelf(records, Destination)
        self.computations = Shelf(records, Computation)
        self.connections = Shelf(records, Connection)
        self.activations = Shelf(records, Activation)
        self.journeys = Shelf(records, Journey)
        self.journey_versions = Shelf(records, Version)
        self.labels = Shelf(records, Label)
        self.tokens = Shelf(records, Token)
        self.issued_tokens = Shelf(records, IssuedToken)
        self.identity_rules = Shelf(records, Rules)
        self.space_filters = Shelf(records, SpaceFilters)
        self.places = Shelf(records, Place)
        self.names = Names(records, clock)

    def version(self, space_id: str) -> int:
        """How often the computations, connections, identity rules or filters of a space have changed. Strongly
        consistent."""
        return self.records.counters(version_key(space_id)).get(_CHANGES, 0)

    def bump(self, space_id: str) -> int:
        """To be called after every such change."""
        return self.records.add(version_key(space_id), {_CHANGES: 1})[_CHANGES]


_CHANGES = "changes"


def workspace_key(workspace_id: str) -> Key:
    return Key(workspace_partition(workspace_id), "workspace")


def workspace_partition(workspace_id: str) -> str:
    return f"workspace#{workspace_id}"


def space_key(workspace_id: str, space_id: str) -> Key:
    return Key(workspace_partition(workspace_id), f"space#{space_id}")


def source_key(workspace_id: str, source_id: str) -> Key:
    return Key(workspace_partition(workspace_id), f"source#{source_id}")


def source_slug_key(workspace_id: str, slug: str) -> Key:
    return Key(workspace_partition(workspace_id), f"source_slug#{slug}")


def destination_key(workspace_id: str, destination_id: str) -> Key:
    return Key(workspace_partition(workspace_id), f"destination#{destination_id}")


def space_partition(space_id: str) -> str:
    return f"space#{space_id}"


def computation_key(space_id: str, computation_id: str) -> Key:
    return Key(space_partition(space_id), f"computation#{computation_id}")


def key_key(space_id: str, key: str) -> Key:
    return Key(space_partition(space_id), f"key#{key}")


def connection_key(space_id: str, connection_id: str) -> Key:
    return Key(space_partition(space_id), f"connection#{connection_id}")


def activation_key(space_id: str, activation_id: str) -> Key:
    return Key(space_partition(space_id), f"activation#{activation_id}")


def link_key(space_id: str, computation_id: str, destination_id: str) -> Key:
    return Key(space_partition(space_id), f"link#{computation_id}#{destination_id}")


def journey_key(space_id: str, journey_id: str) -> Key:
    return Key(space_partition(space_id), f"journey#{journey_id}")


def journey_version_key(space_id: str, journey_id: str, version_id: str) -> Key:
    return Key(space_partition(space_id), f"journey_version#{journey_id}#{version_id}")


def is_journey_version(key: Key) -> bool:
    return key.sort.startswith("journey_version#")


def identity_rules_key(space_id: str) -> Key:
    return Key(space_partition(space_id), "identity_rules")


def space_filters_key(space_id: str) -> Key:
    return Key(space_partition(space_id), "filters")


def version_key(space_id: str) -> Key:
    return Key(space_partition(space_id), "version")


def write_key_key(write_key: str) -> Key:
    return Key(f"write_key#{write_key}", "write_key")


def token_key(digest: str) -> Key:
    return Key(f"token#{digest}", "token")


def issued_token_key(workspace_id: str, token_id: str) -> Key:
    return Key(workspace_partition(workspace_id), f"token#{token_id}")


def label_key(workspace_id: str, key: str, value: str) -> Key:
    return Key(workspace_partition(workspace_id), f"label#{quote(key, safe='')}#{quote(value, safe='')}")


def index_key(kind: str, id: str) -> Key:
    return Key(f"index#{kind}#{id}", "index")


def founding_key(slug: str) -> Key:
    return Key(f"founding#{slug}", "founding")


def founding_secret_key(digest: str) -> Key:
    return Key(f"founding_secret#{digest}", "founding_secret")
