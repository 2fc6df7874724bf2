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

from urllib.parse import quote

import msgspec

from ..clock import Clock
from ..computations.computation import Computation
from ..identity.rules import Rules
from ..journeys.model import Journey, Version
from ..records import Key, Records
from .model import Activation, Connection, Destination, Label, Source, Space, SpaceFilters, Token, Workspace
from .shelf import Names, Shelf


class Place(msgspec.Struct, kw_only=True):
    """Where something lives that is known by an id or a write key alone."""

    workspace_id: str
    id: str


class IssuedToken(msgspec.Struct, kw_only=True):
    """A token as its workspace lists it; `digest` is the SHA-256 by which it is found."""

    token: Token
    digest: str


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
