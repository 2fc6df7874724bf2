"""People as the archive knows them."""

from typing import Any

from chalicelib.archive.history import History
from chalicelib.clock import Clock, FixedClock
from chalicelib.delivery.snapshots import Snapshots
from chalicelib.identity.external_id import ACCOUNTS, USERS, ExternalId
from chalicelib.profiles.change import ProfileChange
from chalicelib.profiles.ports import Archive
from chalicelib.profiles.profile import Head, Link, Outcome, Trait
from tests.events import T0

SPACE = "s"


def head(
    ids: list[tuple[str, str]],
    at: int = 0,
    traits: dict[str, Any] | None = None,
    outcomes: dict[str, tuple[Any, str]] | None = None,
    accounts: list[str] | None = None,
    collection: str = USERS,
) -> Head:
    """`outcomes` are (value, computation id) by key."""
    return Head(
        collection=collection,
        created_at=at,
        updated_at=at,
        external_ids=[ExternalId(type, value, f"map_{value}", at, "src", "m") for type, value in ids],
        traits={name: Trait(value, at, "src") for name, value in (traits or {}).items()},
        outcomes={key: Outcome(value, id, at) for key, (value, id) in (outcomes or {}).items()},
        links=[Link(account, at) for account in accounts or []],
    )


def account(group_id: str, at: int = 0, **more: Any) -> Head:
    return head([("group_id", group_id)], at, collection=ACCOUNTS, **more)


def settle(archive: Archive, people: dict[str, Head], version: int = 1) -> None:
    """Land the newest of them."""
    changes = [
        ProfileChange(f"{profile_id}-{version}", SPACE, profile_id, version, None, None, one)
        for profile_id, one in people.items()
    ]
    assert Snapshots(archive, FixedClock(T0)).land(changes) == set()


def history(archive: Archive, clock: Clock, scratch: Any) -> History:
    return History(archive, clock, lambda: scratch)
