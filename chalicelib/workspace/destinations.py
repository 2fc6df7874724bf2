"""Destinations: instances of partners, each with its own settings and credentials."""

from collections.abc import Collection, Mapping
from itertools import count
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from ..clock import Clock
from ..errors import Conflict, Invalid
from ..ids import Ids
from ..secrecy import Secrets
from .body import Body
from .connections import Connections
from .model import Destination
from .opaque import opaque_id
from .ports import DestinationKind
from .storage import Place, Storage, destination_key, index_key, source_key, workspace_partition

T = TypeVar("T")

MOST_OF_A_KIND = 25  # instances on one source, as at Segment


def open_settings(destination: Destination, secrets: Secrets) -> dict[str, Any]:
    """All settings in clear. For the delivery alone: these are never returned by the API."""
    return {**destination.settings, **open_values(destination.secrets, destination.id, secrets)}


def opened(destination: Destination, secrets: Secrets) -> Destination:
    """With everything in clear, also of its mappings. For the delivery alone."""
    subscriptions = [
        replace(one, settings={**one.settings, **open_values(one.secrets, destination.id, secrets)}, secrets={})
        for one in destination.subscriptions
    ]
    settings = open_settings(destination, secrets)
    return replace(destination, settings=settings, secrets={}, subscriptions=subscriptions)


def open_values(sealed: Mapping[str, str], context: str, secrets: Secrets) -> dict[str, Any]:
    """`context` is the id of what they were sealed for."""
    return {name: msgspec.json.decode(secrets.open(text, context)) for name, text in sealed.items()}


class Destinations:
    """The destinations of workspaces. `content` is a request body, `kinds` are by metadata id."""

    def __init__(
        self,
        storage: Storage,
        secrets: Secrets,
        ids: Ids,
        clock: Clock,
        kinds: Mapping[str, DestinationKind],
        connections: Connections,
    ) -> None:
        self._storage, self._secrets, self._ids, self._clock = storage, secrets, ids, clock
        self._connections = connections
        self.kinds = kinds

    def every(self, workspace_id: str) -> list[Destination]:
        """Oldest first."""
        found = self._storage.destinations.every(workspace_partition(workspace_id), "destination#")
        return sorted(found, key=lambda destination: (destination.created_at, destination.id))

    def of_source(self, workspace_id: str, source_id: str) -> list[Destination]:
        return [destination for destination in self.every(workspace_id) if destination.source_id == source_id]

    def get(self, workspace_id: str, destination_id: str) -> Destination:
        """Raises NotFound."""
        return self._storage.destinations.get(destination_key(workspace_id, destination_id))

    def create(self, workspace_id: str, content: Mapping[str, Any]) -> Destination:
        """Required settings may be missing: nothing is sent until they are there.

        Raises Invalid, NotFound for an unknown source, and Conflict for a name in use.
        """
        body = Body(content)
        source_id, kind = body.required_text("sourceId"), self._kind(body)
        settings, enabled, name = body.mapping("settings", required=True), body.flag("enabled"), body.text("name")
        if kind is None or settings is None:
            raise Invalid(*body.problems)
        body.problems += kind.problems(settings, complete=False)
        body.done()
        self._storage.sources.get(source_key(workspace_id, source_id))
        taken = self._names(workspace_id, source_id, kind)
        if len(taken) >= MOST_OF_A_KIND:
            raise Conflict(f"a source can have at most {MOST_OF_A_KIND} destinations of one kind")
        id = opaque_id(self._ids)
        public, sealed = self._sort(kind, settings, id)
        destination = Destination(
            id=id,
            workspace_id=workspace_id,
            source_id=source_id,
            metadata_id=kind.metadata_id,
            name=_free_name(name, kind, taken),
            enabled=enabled is not False,
            created_at=self._clock.now(),
            settings=without_null(public),
            secrets=without_null(sealed),
        )
        self._storage.places.ensure(index_key("destination", id), Place(workspace_id=workspace_id, id=id))
        self._storage.destinations.create(destination_key(workspace_id, id), destination)
        return destination

    def update(self, workspace_id: str, destination_id: str, content: Mapping[str, Any]) -> Destination:
        """Settings given are merged into the present ones, null takes one away; null as name brings back the kind's.

        Raises NotFound, Invalid, and Conflict for a name in use.
        """
        before = self.get(workspace_id, destination_id)
        kind = self.kinds[before.metadata_id]
        body = Body(content)
        name, enabled, given = body.text("name"), body.flag("enabled"), body.mapping("settings") or {}
        merged = without_null({**open_settings(before, self._secrets), **given})
        body.problems += kind.problems(merged, complete=False)
        body.done()
        public, sealed = self._sort(kind, given, destination_id)
        if body.gives("name"):
            name = _free_name(name, kind, self._names(workspace_id, before.source_id, kind) - {before.name})

        def change(present: Destination) -> Destination:
            return replace(
                present,
                name=name or present.name,
                enabled=present.enabled if enabled is None else enabled,
                settings=without_null({**present.settings, **public}),
                secrets=without_null({**present.secrets, **sealed}),
            )

        return self._storage.destinations.amend(destination_key(workspace_id, destination_id), change)

    def delete(self, workspace_id: str, destination_id: str) -> None:
        """With its connections. Raises NotFound."""
        self.get(workspace_id, destination_id)
        self._storage.destinations.delete(destination_key(workspace_id, destination_id))
        self._connections.remove_destination(workspace_id, destination_id)
        self._storage.places.delete(index_key("destination", destination_id))

    def _kind(self, body: Body) -> DestinationKind | None:
        metadata_id = body.required_text("metadataId")
        kind = self.kinds.get(metadata_id)
        if metadata_id and kind is None:
            body.reject("metadataId", f"{metadata_id!r} is no kind of destination; /catalog/destinations lists them")
        return kind

    def _names(self, workspace_id: str, source_id: str, kind: DestinationKind) -> set[str]:
        """Those of the instances of a kind on a source."""
        return {d.name for d in self.of_source(workspace_id, source_id) if d.metadata_id == kind.metadata_id}

    def _sort(
        self, kind: DestinationKind, settings: Mapping[str, Any], id: str
    ) -> tuple[dict[str, Any], dict[str, str | None]]:
        """Settings that may be shown, and the sealed others; null stays null."""
        secret = {option.name for option in kind.options if option.secret}
        public = {name: value for name, value in settings.items() if name not in secret}
        sealed = {name: self._seal(settings[name], id) for name in secret & settings.keys()}
        return public, sealed

    def _seal(self, value: Any, id: str) -> str | None:
        return None if value is None else self._secrets.seal(msgspec.json.encode(value).decode(), id)


def without_null(values: Mapping[str, T | None]) -> dict[str, T]:
    return {name: value for name, value in values.items() if value is not None}


def _free_name(name: str | None, kind: DestinationKind, taken: Collection[str]) -> str:
    """The name asked for, or the kind's own, numbered from the second instance on."""
    if name:
        if name in taken:
            raise Conflict(f"the source has a destination named {name!r} already")
        return name
    numbered = (kind.name if number == 1 else f"{kind.name} {number}" for number in count(1))
    return next(candidate for candidate in numbered if candidate not in taken)
