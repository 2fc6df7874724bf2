"""Labels: words an owner sorts sources by."""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from ..errors import Conflict
from .body import Body
from .model import Label, Source
from .storage import Storage, label_key, source_key, workspace_partition

MOST = 100  # of a source: they are part of its record


class Labels:
    """The labels of workspaces, and which sources have them. `content` is a request body."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def every(self, workspace_id: str) -> list[Label]:
        """By key and value."""
        found = self._storage.labels.every(workspace_partition(workspace_id), "label#")
        return sorted(found, key=lambda label: (label.key, label.value))

    def create(self, workspace_id: str, content: Mapping[str, Any]) -> Label:
        """Raises Invalid, and Conflict for one that exists."""
        body = Body(content)
        label = _read(body.inner("label", required=True))
        body.done()
        try:
            self._storage.labels.create(label_key(workspace_id, label.key, label.value), label)
        except Conflict as error:
            raise Conflict(f"the label {label.key}:{label.value} exists already") from error
        return label

    def delete(self, workspace_id: str, key: str, value: str) -> None:
        """Raises NotFound, and Conflict while sources have it."""
        self._storage.labels.get(label_key(workspace_id, key, value))
        sources = self._storage.sources.every(workspace_partition(workspace_id), "source#")
        holders = sorted(s.name for s in sources if any(_is(label, key, value) for label in s.labels))
        if holders:
            raise Conflict(f"sources have this label: {', '.join(holders)}")
        self._storage.labels.delete(label_key(workspace_id, key, value))

    def add(self, source: Source, content: Mapping[str, Any]) -> list[Label]:
        """Those of the source afterwards. Raises Invalid."""
        return self._change(source, content, keep=True)

    def replace(self, source: Source, content: Mapping[str, Any]) -> list[Label]:
        """Those of the source afterwards. Raises Invalid."""
        return self._change(source, content, keep=False)

    def _change(self, source: Source, content: Mapping[str, Any], *, keep: bool) -> list[Label]:
        given = self._given(source.workspace_id, Body(content))

        def change(present: Source) -> Source:
            labels = {(label.key, label.value): label for label in [*(present.labels if keep else ()), *given]}
            body = Body({})
            if len(labels) > MOST:
                body.reject("labels", f"a source has at most {MOST} labels")
            body.done()
            return replace(present, labels=list(labels.values()))

        return self._storage.sources.amend(source_key(source.workspace_id, source.id), change).labels

    def _given(self, workspace_id: str, body: Body) -> list[Label]:
        items = body.items("labels")
        if items is None and not body.has("labels"):
            body.reject("labels", '"labels" is required')
        found = [_read(body.element("labels", place, item)) for place, item in enumerate(items or [])]
        body.done()
        known = {(label.key, label.value): label for label in self.every(workspace_id)}
        for place, label in enumerate(found):
            if (label.key, label.value) not in known:
                body.reject(f"labels.{place}", f"the workspace has no label {label.key}:{label.value}")
        body.done()
        return [known[label.key, label.value] for label in found]


def _is(label: Label, key: str, value: str) -> bool:
    return (label.key, label.value) == (key, value)


def _read(body: Body) -> Label:
    key, value = body.required_text("key"), body.required_text("value")
    for name, text in (("key", key), ("value", value)):
        if not text.isascii() or not text.isprintable():
            body.reject(name, f'"{body.path}{name}" must have ASCII characters only: it is part of a path')
    return Label(key=key, value=value, description=body.text("description"))
