"""Streams too large for the profile's own item, kept beside it in the table `work`.

Copy on write: every version of a profile has its own parts, written before the profile's item and named by their
content, so that two writers of the same version never overwrite each other. Once a version is saved, the parts of
all versions before it are waste and are removed with the next large save; the loser of a race and a writer that
died leave parts behind only until then.
"""

import hashlib
from typing import NamedTuple

from pynamodb.attributes import BinaryAttribute, UnicodeAttribute
from pynamodb.connection import Connection
from pynamodb.expressions.condition import Condition
from pynamodb.models import Model

from .table import Table

LARGEST = 350_000  # bytes in an item: DynamoDB takes 400 KB with names and keys


class PartItem(Model):
    partition = UnicodeAttribute(hash_key=True)
    sort = UnicodeAttribute(range_key=True)
    data = BinaryAttribute(legacy_encoding=False)


class Reference(NamedTuple):
    """What the profile's item keeps: the hash of the whole and the number of parts."""

    digest: str
    chunks: int

    @classmethod
    def parse(cls, text: str) -> "Reference":
        digest, _, chunks = text.partition("#")
        return cls(digest, int(chunks))

    def __str__(self) -> str:
        return f"{self.digest}#{self.chunks}"


class Parts:
    def __init__(self, connection: Connection, table: str, largest: int = LARGEST) -> None:
        self._table = Table(PartItem, connection, table)
        self._largest = largest

    def write(self, pk: str, version: int, blob: bytes) -> Reference:
        chunks = [blob[start : start + self._largest] for start in range(0, len(blob), self._largest)]
        reference = Reference(hashlib.blake2b(blob, digest_size=8).hexdigest(), len(chunks))
        for (partition, sort), chunk in zip(_keys(pk, version, reference), chunks, strict=True):
            self._table.put(self._table.model(partition=partition, sort=sort, data=chunk))
        return reference

    def read(self, pk: str, version: int, reference: Reference) -> bytes | None:
        """None when a part is missing: the profile has a newer version by now."""
        keys = _keys(pk, version, reference)
        found = {item.sort: item.data for item in self._table.get_many(keys)}
        chunks = [found.get(sort) for _, sort in keys]
        return None if None in chunks else b"".join(chunk for chunk in chunks if chunk is not None)

    def remove_before(self, pk: str, version: int) -> None:
        """All parts of versions below `version`."""
        self._remove(pk, PartItem.sort < _version(version))

    def remove_all(self, pk: str) -> None:
        """Also those that a worker left behind which was killed before it saved its version."""
        self._remove(pk)

    def _remove(self, pk: str, where: Condition | None = None) -> None:
        for item in self._table.query(_partition(pk), where, only=["partition", "sort"]).items:
            self._table.delete(item.partition, item.sort)


def _partition(pk: str) -> str:
    return f"parts#{pk}"


def _version(version: int) -> str:
    return f"{version:012d}"  # padded, because sort keys compare as text


def _keys(pk: str, version: int, reference: Reference) -> list[tuple[str, str]]:
    stem = f"{_version(version)}#{reference.digest}"
    return [(_partition(pk), f"{stem}#{number:03d}") for number in range(reference.chunks)]
