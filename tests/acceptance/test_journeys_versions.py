"""A version of a journey after another one: who may come in, and what becomes of those who are inside the old one."""

from typing import Any

import pytest

from tests.acceptance.journeys import ADDED, COMES_AND_GOES, Trip, delay, drawn, entry, j2, ms, parts, send, shifted
from tests.acceptance.world import World, track

ADD = track("Product Added", "u1")


class Two:
    """Somebody enters a version, whose people leave it after seven days if `exits`. Two days after its publication the
    next one is published; a day later the condition of both entries is met again."""

    def __init__(self, world: World, previous: str, *, exits: bool = True, exclusive: bool = False) -> None:
        settings = COMES_AND_GOES if exits else {}
        self.first = Trip(world, j2(), **settings)
        self.first.at("+1h", ADD)
        self.first.at("+2d")
        publishing = {"previous": previous, "versionExclusion": exclusive}
        steps = drawn(entry("A", ADDED), send("D2"))
        self.next = Trip(world, steps, self.first.path, publishing=publishing, **settings)
        self.at("+3d", ADD)

    def at(self, when: str, *messages: dict[str, Any]) -> None:
        self.first.at(when, *messages)

    @property
    def heard(self) -> list[str]:
        """From both, in order of time since the publication of the first one."""
        return sorted([*self.first.heard(), *shifted(self.next.heard(), "2d")], key=lambda heard: ms(heard.split()[0]))


def test_who_is_inside_a_version_that_is_left_to_end_enters_the_next_one_after_it(world: World) -> None:
    two = Two(world, "pause")
    two.at("+7d59m")
    assert two.heard == ["+1h E(D) u1"]
    two.at("+7d1h")
    assert sorted(two.heard[1:]) == ["+7d1h E(D2) u1", "+7d1h X(D) u1"]
    two.at("+8d", track("Product Added", "u2"))
    assert two.heard[3:] == ["+8d E(D2) u2"]
    two.at("+60d")
    assert [parts(heard)[1:] for heard in two.heard[4:]] == [("X", "D2", "u1"), ("X", "D2", "u2")]


def test_a_version_that_is_left_to_end_lets_nobody_in_and_is_not_resumed(world: World) -> None:
    two = Two(world, "pause")
    assert world.manage("POST", f"{two.first.path}/resume", {}).status == 409
    statuses = {version["version"]: version["status"] for version in two.next.shown["versions"]}
    assert statuses == {1: "draining", 2: "live"}


def test_who_is_inside_a_version_that_is_archived_at_once_enters_the_next_one(world: World) -> None:
    two = Two(world, "archive")
    two.at("+9d")
    assert two.heard == ["+1h E(D) u1", "+3d E(D2) u1"]
    two.at("+30d")
    assert two.heard[2:] == ["+10d X(D2) u1"]


def test_who_was_inside_a_version_archived_while_it_ended_never_enters_the_next_one(world: World) -> None:
    two = Two(world, "pause")
    two.at("+4d")
    two.first.do("archive?version=1")
    two.at("+20d", ADD, track("Product Added", "u2"))
    two.at("+60d", ADD)
    assert [heard for heard in two.heard if heard.endswith("u1")] == ["+1h E(D) u1"]
    assert "+20d E(D2) u2" in two.heard


@pytest.mark.parametrize("previous", ["pause", "archive"])
@pytest.mark.parametrize("exits", [True, False])
def test_an_exclusive_version_lets_in_nobody_who_was_in_an_earlier_one(
    world: World, previous: str, exits: bool
) -> None:
    two = Two(world, previous, exits=exits, exclusive=True)
    two.at("+20d", ADD, track("Product Added", "u2"))
    two.at("+60d", ADD)
    assert [heard for heard in two.heard if heard.endswith("u1") and "D2" in heard] == []
    assert two.heard[0] == "+1h E(D) u1"
    assert "+20d E(D2) u2" in two.heard


@pytest.mark.parametrize("previous", ["pause", "archive"])
def test_without_an_exit_somebody_may_be_in_both(world: World, previous: str) -> None:
    two = Two(world, previous, exits=False)
    two.at("+30d")
    assert two.heard == ["+1h E(D) u1", "+3d E(D2) u1"]
    values = world.traits("user_id:u1") or {}
    assert [key for key, value in values.items() if key.split("__")[-1].startswith("d") and value is True]


def test_who_left_before_may_enter_the_next_version_without_waiting(world: World) -> None:
    first = Trip(world, j2(), exitAfter="1d", reentryAfter="30d")
    first.at("+1h", ADD)
    first.at("+2d")
    steps = drawn(entry("A", ADDED), send("D2"))
    following = Trip(world, steps, first.path, publishing={"previous": "pause"}, exitAfter="1d")
    first.at("+3d", ADD)
    assert first.heard() == ["+1h E(D) u1", "+1d1h X(D) u1"]
    assert shifted(following.heard(), "2d") == ["+3d E(D2) u1"]


def test_a_new_version_moves_on_by_steps_of_its_own(world: World) -> None:
    first = Trip(world, drawn(entry("A", ADDED), delay("wait", "5d"), send("D")))
    first.at("+1h", ADD)
    first.at("+2d")
    steps = drawn(entry("A", ADDED), delay("wait", "1d"), send("D2"))
    following = Trip(world, steps, first.path, publishing={"previous": "pause"})
    first.at("+3d", ADD)
    first.at("+30d")
    assert first.heard() == ["+5d1h E(D) u1"]
    assert shifted(following.heard(), "2d") == ["+4d E(D2) u1"]
