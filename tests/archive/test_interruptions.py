"""A gathering or compaction may be killed at any call, and others may do the same or read at any moment of it."""

import copy
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from chalicelib.archive.cut import Cut
from chalicelib.archive.manifest import GRACE
from chalicelib.archive.young_files import LONGEST_LANDING
from chalicelib.clock import DAY, MINUTE, FixedClock
from chalicelib.errors import VersionConflict
from chalicelib.profiles.ports import Archive
from chalicelib.store.memory import MemoryArchive
from chalicelib.store.s3 import S3Archive
from tests.conftest import Cloud
from tests.events import T0

from .people import Person, plan
from .storehouse import SPACE, Storehouse, sent

LOOK = 20  # every so many times it is also looked at what stays in the end, which takes several compactions more
COLUMNS = "message_id, profile_id, received_at, landed_at"


class Killed(BaseException):
    """The process is gone: nothing may catch it."""


class Watched:
    """An archive beside which something happens before each call that changes it, and, for what depends on what was
    read before, each that looks at what there is. To die after a change is to die before the next one."""

    def __init__(self, archive: Archive, happens: Callable[[int], None], looks: bool = False) -> None:
        self._archive, self._happens = archive, happens
        self._names = {"put", "put_if", "upload", "delete"} | ({"find", "stat"} if looks else set())
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._archive, name)

        def call(*args: Any, **more: Any) -> Any:
            self.calls += 1
            self._happens(self.calls)
            return method(*args, **more)

        return call if name in self._names else method


def full(scratch: Path, archive: Archive | None = None) -> Storehouse:
    """Everything that a compaction may meet: a file, what lands late for it, a repetition on the next day, new days,
    people who change and one who is erased, and things whose grace is over; some of it gathered, some overlooked."""
    house = Storehouse(scratch, archive)
    house.land("b0", (sent("0"), "p"), (sent("1"), "hasty"), (sent("2"), "gone"))
    for name in ("p", "gone"):
        Person(house, name).becomes(T0, traits=plan(name))
    house.clock.advance(4 * DAY)
    house.compact()
    house.erase("gone")
    house.clock.advance(10 * DAY)
    house.land("b1", (sent("1"), "right"))
    Person(house, "r").becomes(T0)
    house.gather()
    house.clock.advance(LONGEST_LANDING)
    house.land("b1", (sent("1"), "right"), (sent("4", house.clock.now()), "p"))
    house.gather()
    house.clock.advance(MINUTE)
    house.land("b2", (sent("3", T0 + DAY), "p"), (sent("0", T0 + 11 * 3_600_000), "p"))
    Person(house, "q").becomes(T0 + DAY)
    return house


def shown(house: Storehouse, cut: Cut | None = None) -> list[Any]:
    with house.history.open(cut or house.history.cut(SPACE)) as session:
        return [
            session.rows(f"SELECT {COLUMNS} FROM events ORDER BY ALL"),
            session.rows("SELECT profile_id, version, traits FROM profiles ORDER BY ALL"),
        ]


def standing(house: Storehouse) -> list[str]:
    """What is there when every day is closed and everything cleared away."""
    for _ in range(4):
        house.clock.advance(GRACE)
        house.compact()
    kinds = [key.rpartition("/")[0] for key in house.keys("") if key.endswith(".parquet")]
    others = [key for key in house.keys("") if not key.endswith(".parquet")]
    return sorted(kinds) + sorted(others)


@pytest.fixture
def twin(tmp_path: Path) -> Callable[[], Storehouse]:
    """Copies of one house."""
    first = full(tmp_path)
    archive = first.archive
    assert isinstance(archive, MemoryArchive)

    def make() -> Storehouse:
        clock = FixedClock(first.clock.now())
        copied = MemoryArchive(clock)
        copied.objects, copied.written = dict(archive.objects), copy.copy(archive.written)
        return Storehouse(tmp_path, copied, clock)

    return make


Work = Callable[[Storehouse], None]


@pytest.fixture(params=["compact", "gather"])
def work(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Work:
    monkeypatch.setattr("chalicelib.archive.young_files.FAN_IN", 2)
    name: str = request.param
    return lambda house: getattr(house, name)()


def test_it_survives_a_death_at_every_change(twin: Callable[[], Storehouse], work: Work) -> None:
    clean = twin()
    expected = shown(clean)
    assert expected[0][1][:2] == ("1", "right")
    work(clean)
    assert shown(clean) == expected
    left = standing(clean)
    for at in count(1):
        house = twin()

        def dies(number: int, at: int = at) -> None:
            if number == at:
                raise Killed

        before = house.history.cut(SPACE)
        watched = Watched(house.archive, dies)
        try:
            work(Storehouse(house.scratch, watched, house.clock))
        except Killed:
            assert shown(house) == shown(house, before) == expected
        work(house)
        assert shown(house) == expected
        if at % LOOK == 0:
            assert standing(house) == left
        if watched.calls < at:
            break
    assert at > 8


def test_whoever_reads_at_any_moment_sees_the_same(twin: Callable[[], Storehouse], work: Work) -> None:
    house = twin()
    expected, before = shown(house), house.history.cut(SPACE)
    other = Storehouse(house.scratch, house.archive, house.clock)

    def reads(number: int) -> None:
        assert shown(other) == expected
        if number % 5 == 0:
            assert shown(other, before) == expected

    work(Storehouse(house.scratch, Watched(house.archive, reads), house.clock))
    assert shown(house) == expected


@pytest.mark.parametrize("others", ["compact", "gather"])
def test_two_at_once_lose_and_double_nothing(twin: Callable[[], Storehouse], work: Work, others: str) -> None:
    expected, left = shown(twin()), standing(twin())
    for at in count(5, 5):
        house = twin()
        other = Storehouse(house.scratch, house.archive, house.clock)

        def interferes(number: int, at: int = at, other: Storehouse = other) -> None:
            if number == at:
                getattr(other, others)()

        watched = Watched(house.archive, interferes, looks=True)
        with suppress(VersionConflict):  # the other one did all there was to do
            work(Storehouse(house.scratch, watched, house.clock))
        assert shown(house) == expected
        if at % LOOK == 0:
            assert standing(house) == left
        if watched.calls < at:
            break
    assert at > 8


def test_on_the_real_store_two_compactions_and_a_death_lose_nothing(cloud: Cloud, tmp_path: Path) -> None:
    house = full(tmp_path, S3Archive(cloud.clients.s3, cloud.names.settings.archive_bucket))
    expected, before = shown(house), house.history.cut(SPACE)
    other = Storehouse(house.scratch, house.archive, house.clock)

    def happens(number: int) -> None:
        if number == 4:
            other.compact()
        if number == 8:
            raise Killed

    with pytest.raises(Killed):
        Storehouse(tmp_path, Watched(house.archive, happens), house.clock).compact()
    assert shown(house) == shown(house, before) == expected
    house.compact()
    assert shown(house) == expected
    assert len(house.manifest.events.files) == 2
