"""Profiles whose changes land, one after the other."""

from typing import Any

from chalicelib.delivery.snapshots import Snapshots
from chalicelib.identity.external_id import ExternalId
from chalicelib.profiles.change import ProfileChange
from chalicelib.profiles.profile import DELETED, Head, Merge, Trait
from tests.events import T0

from .storehouse import SPACE, Storehouse


class Person:
    """A profile whose changes land one after the other."""

    def __init__(self, house: Storehouse, profile_id: str) -> None:
        self._house, self._snapshots, self.id = house, Snapshots(house.archive, house.clock), profile_id
        self.head: Head | None = None
        self.version = 0

    def becomes(self, at: int, merged_into: str | None = None, **fields: Any) -> ProfileChange:
        self.version += 1
        new = Head(updated_at=at, created_at=T0, **fields)
        change = ProfileChange(f"{self.id}/{self.version}", SPACE, self.id, self.version, merged_into, self.head, new)
        self.head = new
        assert self._snapshots.land([change]) == set()
        return change

    def goes_into(self, other: "Person", at: int) -> None:
        self.becomes(at, merged_into=other.id, merging=Merge(other.id, at, "m", "s"))

    def is_deleted(self, at: int) -> None:
        self.becomes(at, merged_into=DELETED, external_ids=[email("gone@x.io")])
        self.becomes(0, merged_into=DELETED)


def email(value: str) -> ExternalId:
    return ExternalId("email", value, "map_1", T0, "src", "m")


def plan(value: Any, at: int = T0) -> dict[str, Trait]:
    return {"plan": Trait(value, at, "src")}
