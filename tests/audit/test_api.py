"""Reading the audit trail by the management API, as a list and as a file."""

import csv
import io
from typing import Any

import pytest

from chalicelib.audit.export import COLUMNS
from chalicelib.clock import DAY, HOUR
from chalicelib.instants import to_iso
from tests.management.api import client


@pytest.fixture
def sources(world, api):
    """The ids of three sources, an hour after one another, the newest first."""
    made: list[Any] = []
    for slug in ("one", "two", "three"):
        world.clock.advance(HOUR)
        made.insert(0, api.post("/sources", {"slug": slug, "enabled": True, "metadataId": "javascript"}).data["source"])
    return [source["id"] for source in made]


def resources(reply):
    return [event["resourceId"] for event in reply.data["events"]]


def test_an_event_has_what_clients_require(world, api, sources):
    event = api.get("/audit-events").data["events"][0]
    assert {name: type(event[name]) for name in event} == {
        "id": str,
        "timestamp": str,
        "type": str,
        "actor": str,
        "resourceId": str,
        "resourceType": str,
        "resourceName": str,
        "subject": str,
        "details": dict,
        "spaceId": str,
    }
    assert event["timestamp"] == to_iso(world.clock.now())
    assert (event["type"], event["resourceName"]) == ("Source Created", "three")


def test_pages_fit_together(api, sources):
    first = api.get("/audit-events", pagination={"count": 2})
    assert resources(first) == sources[:2]
    second = api.get("/audit-events", pagination={"count": 2, "cursor": first.data["pagination"]["next"]})
    assert resources(second) == sources[2:]
    assert second.data["pagination"]["next"] is None
    again = api.get("/audit-events", pagination={"count": 2, "cursor": first.data["pagination"]["current"]})
    assert resources(again) == sources[:2]


def test_filters(world, api, sources):
    now = world.clock.now()
    api.delete(f"/sources/{sources[2]}")
    assert resources(api.get("/audit-events", resourceId=sources[1])) == [sources[1]]
    assert resources(api.get("/audit-events", resourceType="warehouse")) == []
    assert resources(api.get("/audit-events", action="Source Deleted")) == [sources[2]]
    assert len(resources(api.get("/audit-events", startTime=to_iso(now)))) == 2
    assert resources(api.get("/audit-events", endTime=to_iso(now - HOUR))) == [sources[2]]
    assert resources(api.get("/audit-events", startTime=to_iso(now - HOUR), endTime=to_iso(now))) == [sources[1]]
    (event,) = api.get("/audit-events", action="Source Deleted").data["events"]
    assert len(resources(api.get("/audit-events", actor=event["actor"]))) == 4
    assert resources(api.get("/audit-events", actor="__system__")) == []


@pytest.mark.parametrize("path", ["/audit-events", "/audit-events/csv"])
def test_everything_that_is_wrong_is_listed(api, path):
    reply = api.get(path, startTime="yesterday", endTime="31.12.", actor="x" * 300)
    assert reply.status == 422
    assert sorted(filter(None, reply.fields)) == ["actor", "endTime", "startTime"]
    assert api.get(path, startTime="2026-02-01", endTime="2026-01-01").fields == ["endTime"]
    assert api.get(path, pagination={"count": 0}).fields == ["pagination.count"]
    assert api.get(path, pagination={"cursor": "bm8gY3Vyc29y"}).fields == ["pagination.cursor"]


def test_old_rows_are_gone(world, api, sources):
    world.clock.advance(91 * DAY)
    assert resources(api.get("/audit-events")) == []


def test_nobody_reads_it_without_a_token(world, api):
    api.headers = {"Authorization": "Bearer wrong"}
    assert api.get("/audit-events").status == 401
    assert api.get("/audit-events/csv").status == 401


def download(api, **parameters):
    query = "&".join(f"{name}={value}" for name, value in parameters.items())
    response = client.http.get(f"/audit-events/csv?{query}", headers=api.headers)
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/csv")
    return list(csv.reader(io.StringIO(response.body.decode(), newline=""))), response.headers


def test_the_file_has_all_rows(api, sources):
    (header, *rows), headers = download(api)
    assert header == list(COLUMNS)
    assert [row[4] for row in rows] == sources
    assert "X-Next-Cursor" not in headers


def test_a_file_goes_on_where_the_last_one_ended(api, sources):
    (_, *first), headers = download(api, **{"pagination.count": 2})
    cursor = headers["X-Next-Cursor"].replace("=", "%3D").replace("+", "%2B")
    (_, *second), _ = download(api, **{"pagination.cursor": cursor})
    assert [row[4] for row in first + second] == sources


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "a,b", 'say "hi"', "line\nbreak", "é"])
def test_no_name_becomes_a_formula_or_breaks_a_row(api, name):
    api.create_audience(name)
    (_, row), _ = download(api)
    assert row[6] in (name, f"'{name}")
    assert row[6][0] not in "=+-@\t"
    assert len(row) == len(COLUMNS)
