"""Everything the management API changes stands in the audit trail."""

from types import SimpleNamespace

import pytest

from app import app
from chalicelib.api.management import blueprints
from chalicelib.api.management.audited import OPERATIONS, QUESTIONS
from chalicelib.audit.catalogue import NAMES, TITLES, has, name_of
from chalicelib.audit.recorder import Resource
from tests.management.api import BOUGHT

TRAIT = {"name": "Orders", "definition": {"query": "event('Order Completed').count()", "type": "USERS"}}


def actions(world, api):
    """The oldest first."""
    return [row["type"] for row in reversed(world.rows(api))]


def ticking(world, *steps):
    """Each step at a moment of its own, so that their order can be read from the trail."""
    for step in steps:
        world.clock.advance(1)
        step()


def test_every_operation_that_changes_something_has_its_name():
    modules = {f"chalicelib.api.management.{name}" for name in _modules()}
    changing = {
        (method, path)
        for path, methods in app.routes.items()
        for method, route in methods.items()
        if method != "GET" and _is_of(route.view_function, modules)
    }
    assert ("POST", "/sources") in changing
    missing = changing - OPERATIONS.keys() - QUESTIONS
    assert not missing, f"say in api/management/audited.py what these are called in the audit trail: {missing}"
    assert not OPERATIONS.keys() & QUESTIONS


def _modules():
    return [blueprint._import_name.rsplit(".", 1)[-1] for blueprint in blueprints]


def _is_of(view, modules):
    handlers = [cell.cell_contents for cell in view.__closure__ or () if callable(cell.cell_contents)]
    return any(handler.__module__ in modules for handler in handlers)


def test_an_audience_from_its_creation_to_its_end(world, api):
    audience = api.create_audience("Big Buyers")
    path = f"{api.audiences}/{audience['id']}"
    ticking(
        world,
        lambda: api.patch(path, {"name": "Bigger Buyers"}),
        lambda: api.patch(path, {"enabled": False}),
        lambda: api.patch(path, {}),
        lambda: api.delete(path),
    )
    rows = list(reversed(world.rows(api)))
    assert [row["type"] for row in rows] == ["Audience Created", *["Audience Modified"] * 2, "Audience Deleted"]
    assert [row["resourceName"] for row in rows] == ["Big Buyers", *["Bigger Buyers"] * 3]
    assert {(row["resourceId"], row["resourceType"], row["spaceId"]) for row in rows} == {
        (audience["id"], "audience", api.founded.space_id)
    }
    assert [row["details"].get("changed") for row in rows] == [None, ["name"], ["enabled"], None]
    (token,) = {row["actor"] for row in rows}
    assert audience["createdBy"] == token
    assert {row["subject"] for row in rows} == {f"tokens/{token}"}


def test_a_destination_is_an_integration_that_can_be_switched(world, api):
    destination = api.create_destination(url="https://example.org/in")
    path = f"/destinations/{destination['id']}"
    ticking(
        world,
        lambda: api.patch(path, {"enabled": False}),
        lambda: api.patch(path, {"enabled": False}),
        lambda: api.patch(path, {"enabled": True, "name": "Hook"}),
        lambda: api.delete(path),
    )
    assert actions(world, api)[:2] == ["Integration Created", "Integration Disabled"]
    assert sorted(actions(world, api)[2:]) == ["Integration Deleted", "Integration Enabled", "Integration Modified"]


def test_sources_write_keys_traits_connections_and_rules(world, api):
    source = api.post("/sources", {"slug": "shop", "enabled": True, "metadataId": "javascript"}).data["source"]
    trait = api.post(f"{api.space}/computed-traits", TRAIT).data["computedTrait"]
    audience = api.create_audience()
    destination = api.create_destination()
    connections = f"{api.audiences}/{audience['id']}/destination-connections"
    made = api.post(connections, {"destination": {"id": destination["id"], "type": "destination"}}).data["connection"]
    before = len(world.rows(api))
    key = source["writeKeys"][0]
    ticking(
        world,
        lambda: api.post(f"/sources/{source['id']}/writekey"),
        lambda: api.delete(f"/sources/{source['id']}/writekey/{key}"),
        lambda: api.patch(f"/sources/{source['id']}", {"enabled": False}),
        lambda: api.delete(f"/sources/{source['id']}"),
        lambda: api.patch(f"{api.space}/computed-traits/{trait['id']}", {"name": "All Orders"}),
        lambda: api.delete(f"{api.space}/computed-traits/{trait['id']}"),
        lambda: api.patch(f"{connections}/{made['id']}", {"enabled": False}),
        lambda: api.delete(f"{connections}/{made['id']}"),
        lambda: api.send("PUT", f"{api.space}/identity-rules", {"autoAdd": False}),
    )
    assert actions(world, api)[before:] == [
        "Write Key Created",
        "Write Key Deleted",
        "Source Disabled",
        "Source Deleted",
        "Computed Trait Modified",
        "Computed Trait Deleted",
        "Destination Connection Disabled",
        "Destination Connection Deleted",
        "Identity Rules Modified",
    ]
    assert {row["details"].get("destination_id") for row in world.rows(api, resourceId=made["id"])} == {
        destination["id"]
    }
    assert world.rows(api, resourceType="write_key")[0]["resourceName"] == "shop"


def test_what_is_refused_leaves_no_row(world, api):
    audience = api.create_audience()
    before = len(world.rows(api))
    assert api.post(api.audiences, {"name": "No query"}).status == 422
    assert api.patch(f"{api.audiences}/{audience['id']}", {"name": 7}).status == 422
    assert api.delete(f"{api.audiences}/aud_nobody").status == 404
    assert api.send("PATCH", f"{api.audiences}/{audience['id']}", b"{").status == 400
    assert api.post("/destinations", {"metadataId": "unknown"}).status == 422
    assert len(world.rows(api)) == before


def test_rows_hold_no_secret_and_nobodys_data(world, api):
    secret = "s3cr3t-value"
    destination = api.create_destination(url="https://example.org", sharedSecret=secret)
    api.patch(f"/destinations/{destination['id']}", {"settings": {"headers": {"Authorization": secret}}})
    api.patch(f"/destinations/{destination['id']}", {"settings": {}, "jo@example.org": 1, "x" * 50: 2})
    source = api.post("/sources", {"slug": "shop", "enabled": True, "metadataId": "javascript"}).data["source"]
    api.delete(f"/sources/{source['id']}/writekey/{source['writeKeys'][0]}")
    told = repr(world.rows(api))
    for hidden in (secret, "jo@example.org", "xxxx", source["writeKeys"][0], api.founded.api_token):
        assert hidden not in told
    assert "Integration Modified" in told


def test_a_regulation_is_told_of_without_its_subjects(world, api):
    made = SimpleNamespace(id="reg_1", type="SUPPRESS_ONLY")
    world.application.regulations = SimpleNamespace(create=lambda workspace_id, content, deadline: made)
    content = {"regulationType": "SUPPRESS_ONLY", "subjectType": "USER_ID", "subjectIds": ["jo@example.org"]}
    assert api.post("/regulations", content).status == 200
    (row,) = world.rows(api)
    assert (row["type"], row["resourceId"], row["resourceName"]) == ("Regulation Created", "reg_1", "SUPPRESS_ONLY")
    assert "jo@example.org" not in world.everything()


def test_a_change_stands_though_its_row_cannot_be_written(world, api, caplog):
    def down(row):
        raise RuntimeError("down with jo@example.org")

    world.operations.trail.write = down
    audience = api.create_audience()
    assert api.get(f"{api.audiences}/{audience['id']}").status == 200
    assert "is not in the audit trail" in caplog.text
    assert "jo@example.org" not in caplog.text


def test_the_same_request_leaves_one_row(world, api):
    recorder = world.operations.recorder
    one = Resource("source", "src", "Shop", "sources/src")
    for _ in range(2):
        recorder.record(api.founded.workspace_id, "tok", one, "Deleted", "request-1")
    recorder.record(api.founded.workspace_id, "tok", one, "Deleted", "request-2")
    assert len(world.rows(api, actor="tok")) == 2


def test_the_trail_of_another_workspace_is_out_of_sight(world, api):
    api.create_audience()
    stranger = world.api("globex")
    assert world.rows(stranger) == []
    assert stranger.get("/audit-events", spaceId=api.founded.space_id).data["events"] == []


@pytest.mark.parametrize(
    "name",
    [
        "Audience Created",
        "Audience CSV Downloaded",
        "Audience Run Complete",
        "Audience Run Forced",
        "Audience Preview Created",
        "Computed Trait Destination Sync Failed",
        "Source Connected To Space",
        "Filter Updated",
        "Integration Enabled",
        "Destination Filter Disabled",
        "Permission Check",
        "Journey Version Created",
        "Audit Forwarding Enabled",
        "Failure Notifications Modified",
    ],
)
def test_the_catalogue_has_the_names_people_know(name):
    assert name in NAMES


def test_every_name_that_can_be_made_is_in_the_catalogue():
    for type in TITLES:
        for event in ("Created", "Modified", "Deleted", "Enabled", "Disabled", "Run Failed"):
            assert (name_of(type, event) in NAMES) == has(type, event)


def test_what_the_names_of_queries_say(world, api):
    api.create_audience("Buyers", BOUGHT)
    assert "Order Completed" not in repr(world.rows(api))


def test_a_journey_from_its_drawing_to_its_end(world, api):
    steps = [{"id": "a", "type": "entry", "query": BOUGHT}]
    journeys = f"{api.space}/journeys"
    made = api.post(journeys, {"name": "Cart", "steps": steps}).data["journey"]
    one = f"{journeys}/{made['id']}"
    ticking(
        world,
        lambda: api.patch(one, {"name": "Basket"}),
        lambda: api.post(f"{one}/publish", {}),
        lambda: api.post(f"{one}/pause"),
        lambda: api.post(f"{one}/pause"),  # refused, and so no event
        lambda: api.post(f"{one}/resume"),
        lambda: api.post(f"{one}/versions", {}),
        lambda: api.post(f"{one}/archive"),
        lambda: api.delete(one),
    )
    assert actions(world, api) == [
        "Journey Created",
        "Journey Modified",
        "Journey Published",
        "Journey Entry Paused",
        "Journey Entry Resumed",
        "Journey Version Created",
        "Journey Archived",
        "Journey Deleted",
    ]
    rows = world.rows(api)
    assert {(row["resourceId"], row["resourceType"], row["spaceId"]) for row in rows} == {
        (made["id"], "journey", api.founded.space_id)
    }
    assert {row["resourceName"] for row in rows} == {"Cart", "Basket"}
    copy = api.post(journeys, {"name": "Two", "steps": steps}).data["journey"]
    world.clock.advance(1)
    cloned = api.post(f"{journeys}/{copy['id']}/clone", {"name": "Three"}).data["journey"]
    newest = world.rows(api)[0]
    assert (newest["type"], newest["resourceId"], newest["resourceName"]) == ("Journey Created", cloned["id"], "Three")
