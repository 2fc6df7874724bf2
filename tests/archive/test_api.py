"""What owners see of the archive, and set."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.archive.manifest import load
from chalicelib.archive.retention import LONGEST
from chalicelib.audit.trail import Filter
from chalicelib.clock import DAY
from chalicelib.instants import to_iso
from chalicelib.store.memory import MemoryArchive
from tests.events import T0
from tests.management.api import World

from .people import Person
from .storehouse import SPACE, Storehouse, sent


@pytest.fixture
def api() -> Iterator[Any]:
    world = World()
    world.application.adapters = SimpleNamespace(archive=MemoryArchive())
    yield world.api()
    bootstrap.install(None)


def test_a_new_space_keeps_everything_and_has_nothing(api: Any) -> None:
    assert api.get(f"{api.space}/archive").data["archive"] == {
        "retentionDays": None,
        "days": 0,
        "events": 0,
        "snapshots": 0,
        "bytes": 0,
        "lastCompactionAt": None,
    }


def test_the_figures_are_of_what_is_compacted(api: Any, tmp_path: Path) -> None:
    house = Storehouse(tmp_path)
    house.land("b1", (sent("1"), "p"), (sent("2", T0 + DAY), "p"), (sent("3"), "p"))
    Person(house, "p").becomes(T0)
    house.clock.advance(5 * DAY)
    house.compact()
    space_id = api.founded.space_id
    archive = api.services.application.adapters.archive
    archive.put(f"manifests/{space_id}/manifest.json", house.archive.get(f"manifests/{SPACE}/manifest.json"))
    shown = api.get(f"{api.space}/archive").data["archive"]
    size = sum(file.size for table in ("events", "profiles") for file in house.manifest.table(table).files)
    assert house.manifest.base is not None
    assert shown == {
        "retentionDays": None,
        "days": 2,
        "events": 3,
        "snapshots": 1,
        "bytes": size + house.manifest.base.size,
        "lastCompactionAt": to_iso(house.clock.now()),
    }


def test_retention_is_set_and_taken_back_and_stands_in_the_audit_trail(api: Any) -> None:
    archive = api.services.application.adapters.archive
    assert api.send("PUT", f"{api.space}/archive", {"retentionDays": 90}).data["archive"]["retentionDays"] == 90
    assert load(archive, api.founded.space_id).manifest.retention_days == 90
    assert api.send("PUT", f"{api.space}/archive", {}).data["archive"]["retentionDays"] is None
    found = api.services.operations.trail.read(api.founded.workspace_id, Filter(), 10)
    assert [row.action for row in found.rows] == ["Archive Modified"] * 2


@pytest.mark.parametrize("days", [0, -1, LONGEST + 1, 1.5, "90", True, [1]])
def test_a_retention_that_is_no_number_of_days_is_refused(api: Any, days: Any) -> None:
    refused = api.send("PUT", f"{api.space}/archive", {"retentionDays": days})
    assert (refused.status, refused.fields) == (422, ["retentionDays"])


def test_the_archive_of_another_space_is_nobodys_business(api: Any) -> None:
    assert api.get("/spaces/unknown/archive").status == 404
    assert api.send("PUT", "/spaces/unknown/archive", {"retentionDays": 1}).status == 404
    assert api.services.application.adapters.archive.objects == {}
