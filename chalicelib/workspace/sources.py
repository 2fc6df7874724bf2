"""Sources and their write keys."""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from ..clock import Clock
from ..errors import Conflict, NotFound
from ..ids import Ids
from .body import Body
from .destinations import Destinations
from .model import ENGAGE, Source, Space
from .opaque import opaque_id
from .shelf import Reservation
from .source_kinds import SOURCE_KINDS
from .storage import Place, Storage, source_key, source_slug_key, workspace_partition, write_key_key

_SLUG_CHARACTERS = "letters, digits, '.', '_' and '-'"


def place_source(storage: Storage, source: Source) -> None:
    """Write a source whose slug is free or its own already. Doing it again changes nothing.

    Raises Conflict when one of its write keys belongs to another source.
    """
    slug = Reservation(owner=source.id, at=source.created_at)
    storage.names.ensure(source_slug_key(source.workspace_id, source.slug), slug)
    for write_key in source.write_keys:
        _point(storage, source, write_key)
    storage.sources.ensure(source_key(source.workspace_id, source.id), source)


def _point(storage: Storage, source: Source, write_key: str) -> None:
    place = Place(workspace_id=source.workspace_id, id=source.id)
    if storage.places.ensure(write_key_key(write_key), place) != place:
        raise Conflict("this write key belongs to another source")


class Sources:
    """The sources of workspaces. `content` is a request body."""

    def __init__(self, storage: Storage, ids: Ids, clock: Clock, destinations: Destinations) -> None:
        self._storage, self._ids, self._clock = storage, ids, clock
        self._destinations = destinations

    def every(self, workspace_id: str) -> list[Source]:
        """Oldest first."""
        found = self._storage.sources.every(workspace_partition(workspace_id), "source#")
        return sorted(found, key=lambda source: (source.created_at, source.id))

    def get(self, workspace_id: str, source_id: str) -> Source:
        """Raises NotFound."""
        return self._storage.sources.get(source_key(workspace_id, source_id))

    def create(self, space: Space, content: Mapping[str, Any]) -> Source:
        """With one write key; its events go to `space`. Raises Invalid, and Conflict when the slug is taken."""
        body = Body(content)
        slug, enabled = _slug(body, required=True), body.flag("enabled", required=True)
        name, settings = body.text("name"), body.mapping("settings")
        metadata_id = body.required_text("metadataId")
        if metadata_id and metadata_id not in SOURCE_KINDS:
            body.reject("metadataId", f"{metadata_id!r} is no kind of source; /catalog/sources lists them")
        body.done()
        source = Source(
            id=opaque_id(self._ids),
            workspace_id=space.workspace_id,
            space_id=space.id,
            slug=slug,
            name=name or slug,
            metadata_id=metadata_id,
            enabled=bool(enabled),
            write_keys=[self._ids.secret()],
            created_at=self._clock.now(),
            settings=settings or {},
        )
        self._take_slug(source, slug)
        place_source(self._storage, source)
        return source

    def update(self, workspace_id: str, source_id: str, content: Mapping[str, Any]) -> Source:
        """Settings given are merged into the present ones. Raises NotFound, Invalid and Conflict."""
        source = self.get(workspace_id, source_id)
        body = Body(content)
        slug, name = _slug(body) or source.slug, body.text("name")
        enabled, settings = body.flag("enabled"), body.mapping("settings")
        body.done()
        if source.metadata_id == ENGAGE and (slug != source.slug or enabled is False):
            raise Conflict("the Engage source of a space keeps its slug and stays enabled")
        if slug != source.slug:
            self._take_slug(source, slug)

        def change(present: Source) -> Source:
            return replace(
                present,
                slug=slug,
                name=present.name if name is None else name,
                enabled=present.enabled if enabled is None else enabled,
                settings={**present.settings, **(settings or {})},
            )

        changed = self._storage.sources.amend(source_key(workspace_id, source_id), change)
        if slug != source.slug:
            self._storage.names.delete(source_slug_key(workspace_id, source.slug))
        return changed

    def delete(self, workspace_id: str, source_id: str) -> None:
        """With its write keys and destinations. Raises NotFound, and Conflict for an Engage source."""
        source = self.get(workspace_id, source_id)
        if source.metadata_id == ENGAGE:
            raise Conflict("the Engage source of a space cannot be deleted")
        self._storage.sources.delete(source_key(workspace_id, source_id))
        for write_key in source.write_keys:
            self._storage.places.delete(write_key_key(write_key))
        for destination in self._destinations.of_source(workspace_id, source_id):
            self._destinations.delete(workspace_id, destination.id)
        self._storage.names.delete(source_slug_key(workspace_id, source.slug))

    def add_write_key(self, workspace_id: str, source_id: str) -> Source:
        """Raises NotFound, and Conflict for an Engage source."""
        source = self.get(workspace_id, source_id)
        if source.metadata_id == ENGAGE:
            raise Conflict("the Engage source of a space receives nothing, so it has no write keys")
        write_key = self._ids.secret()
        _point(self._storage, source, write_key)
        return self._storage.sources.amend(
            source_key(workspace_id, source_id),
            lambda present: replace(present, write_keys=[*present.write_keys, write_key]),
        )

    def remove_write_key(self, workspace_id: str, source_id: str, write_key: str) -> None:
        """Raises NotFound."""

        def change(present: Source) -> Source:
            if write_key not in present.write_keys:
                raise NotFound("the source has no such write key")
            return replace(present, write_keys=[key for key in present.write_keys if key != write_key])

        self._storage.sources.amend(source_key(workspace_id, source_id), change)
        self._storage.places.delete(write_key_key(write_key))

    def _take_slug(self, source: Source, slug: str) -> None:
        def is_used_by(owner: str) -> bool:
            present = self._storage.sources.find(source_key(source.workspace_id, owner))
            return present is not None and present.slug == slug

        if not self._storage.names.take(source_slug_key(source.workspace_id, slug), source.id, is_used_by):
            raise Conflict(f"a source with the slug {slug!r} exists already")


def _slug(body: Body, *, required: bool = False) -> str:
    """Limited to characters that stand for themselves in every URL; empty when it is absent or wrong."""
    slug = body.text("slug", required=required) or ""
    if not all(c.isascii() and (c.isalnum() or c in "._-") for c in slug):
        body.reject("slug", f'"slug" may hold {_SLUG_CHARACTERS} only')
    return slug
