"""Journeys over HTTP: drawn, published, changed and stopped."""

import pytest

from chalicelib.destinations.registry import KINDS
from chalicelib.instants import to_iso
from tests.events import T0

ADDED = "event('Product Added').within(7 days).count() >= 1"


@pytest.fixture
def journeys(api):
    return f"{api.space}/journeys"


@pytest.fixture
def target(api):
    return api.create_destination()["id"]


def cart(target, **more):
    steps = [
        {"id": "a", "type": "entry", "name": "Abandoned", "query": ADDED, "next": "d"},
        {
            "id": "d",
            "type": "send_to_destination",
            "name": "Nudge",
            "destinations": [{"destinationId": target, "track": True, "identify": False}],
        },
    ]
    return {"name": "Cart", "kind": "AUDIENCE", "steps": steps, **more}


def test_a_journey_from_its_drawing_to_its_end(world, api, journeys, target):
    made = api.post(journeys, cart(target, settings={"exitAfter": "7d", "reentryAfter": "30d"})).data["journey"]
    one = f"{journeys}/{made['id']}"
    keys = [step["key"] for step in made["steps"]]
    assert [key.rpartition("_")[0] for key in keys] == ["j_o_cart__abandoned", "j_o_cart__nudge"]
    assert made == {
        "id": made["id"],
        "spaceId": api.founded.space_id,
        "name": "Cart",
        "kind": "AUDIENCE",
        "version": 1,
        "status": "draft",
        "versions": [{"version": 1, "status": "draft", "versionExclusion": False}],
        "createdBy": made["createdBy"],
        "updatedBy": made["createdBy"],
        "createdAt": to_iso(T0),
        "updatedAt": to_iso(T0),
        "settings": {
            "useHistoricalData": False,
            "includeAnonymous": False,
            "exitAfter": "7d",
            "reentryAfter": "30d",
        },
        "steps": [
            {"id": "a", "type": "entry", "name": "Abandoned", "key": keys[0], "query": ADDED, "next": "d"},
            {
                "id": "d",
                "type": "send_to_destination",
                "name": "Nudge",
                "key": keys[1],
                "destinations": [
                    {
                        "destinationId": target,
                        "connectionId": made["steps"][1]["destinations"][0]["connectionId"],
                        "track": True,
                        "identify": False,
                    }
                ],
            },
        ],
    }
    assert api.get(one).data["journey"] == made
    live = api.post(f"{one}/publish").data["journey"]
    published = {"version": 1, "status": "live", "versionExclusion": False, "publishedAt": to_iso(T0)}
    assert (live["status"], live["versions"], live["steps"]) == ("live", [published], made["steps"])
    assert api.post(f"{one}/pause").data["journey"]["status"] == "paused"
    assert api.post(f"{one}/resume").data["journey"]["status"] == "live"
    assert api.post(f"{one}/archive").data["journey"]["status"] == "archived"
    assert api.get(journeys).data["journeys"][0]["status"] == "archived"
    assert api.delete(one).data == {"status": "SUCCESS"}
    assert api.get(one).status == 404
    assert api.get(journeys).data["journeys"] == []


def draw(api, journeys, target, **more):
    """Its path."""
    return f"{journeys}/{api.post(journeys, cart(target, **more)).data['journey']['id']}"


def test_the_example_is_taken_and_shown_as_it_was_drawn(world, api, journeys, target):
    lists = next(kind for kind in KINDS.values() if kind.lists)
    sent = {"sourceId": api.founded.engage_source_id, "metadataId": lists.metadata_id, "settings": {}}
    ads = api.post("/destinations", sent).data["destination"]["id"]
    sync = [{"externalId": "email", "strategy": "first", "mapTo": "mail"}]
    names = {"enterEventName": "In", "exitEventName": "Out"}
    mail = {"name": "Mail", "query": "trait('channel') = 'email'", "next": "d"}
    web = {"name": "Web", "query": "event('Page Viewed').within(2 days).count() >= 1", "next": "d"}
    shares = [{"name": "A", "percent": 80.5, "next": "d"}, {"name": "Control", "percent": 19.5}]
    steps = [
        {"id": "a", "type": "entry", "name": "Abandoned", "query": ADDED, "next": "w"},
        {"id": "w", "type": "delay", "name": "Rest", "duration": "36h", "next": "c"},
        {"id": "c", "type": "condition", "name": "Loyal", "query": "trait('loyal') = 'true'", "next": "t"},
        {"id": "t", "type": "true_false", "name": "VIP", "query": "trait('vip') = 'true'", "true": "r", "false": "m"},
        {"id": "m", "type": "multi_branch", "name": "Channel", "branches": [mail, web]},
        {"id": "r", "type": "random_split", "name": "Half", "branches": shares},
        {
            "id": "d",
            "type": "send_to_destination",
            "name": "Nudge",
            "destinations": [{"destinationId": target, "track": True, "idSyncConfiguration": sync, **names}],
            "next": "ad",
        },
        {
            "id": "ad",
            "type": "show_ad",
            "name": "Retarget",
            "destinations": [{"destinationId": ads}],
            "removeAfter": "3d",
        },
    ]
    made = api.post(journeys, {"name": "Cart", "steps": steps}).data["journey"]
    assert [plain(step) for step in made["steps"]] == steps
    one = f"{journeys}/{made['id']}"
    assert api.patch(one, {"steps": made["steps"]}).data["journey"]["steps"] == made["steps"]
    live = api.post(f"{one}/publish", {}).data["journey"]
    assert live["steps"] == made["steps"]
    rows = api.get(f"{one}/steps").data["steps"]
    assert [(row["id"], row.get("branch")) for row in rows] == [
        ("a", None),
        ("c", None),
        ("t", "true"),
        ("t", "false"),
        ("m", "Mail"),
        ("m", "Web"),
        ("r", "A"),
        ("r", "Control"),
        ("d", None),
        ("ad", None),
    ]
    keys = [row["key"] for row in rows]
    assert len(set(keys)) == 10
    splits = {step["id"]: step for step in live["steps"]}
    assert splits["t"]["keys"] == {"true": keys[2], "false": keys[3]}
    assert [branch["key"] for branch in splits["m"]["branches"]] == keys[4:6]


def plain(step):
    """Without what was added to it."""
    kept = {name: value for name, value in step.items() if name not in ("key", "keys")}
    for name in ("branches", "destinations"):
        if name in kept:
            kept[name] = [{k: v for k, v in one.items() if k not in ("key", "connectionId")} for one in kept[name]]
    return kept


def test_what_is_malformed_is_422_and_what_makes_no_journey_400(api, journeys, target):
    malformed = api.post(journeys, {"name": "", "kind": "EVENT", "steps": [{"id": "a", "type": "jump"}], "settings": 3})
    assert malformed.status == 422
    assert sorted(malformed.fields) == ["kind", "name", "settings", "steps.0.type"]
    missing = api.post(journeys, {})
    assert (missing.status, sorted(missing.fields)) == (422, ["name", "steps"])
    steps = [{"id": "a", "type": "delay", "duration": "1d", "next": "b"}]
    unsound = api.post(journeys, {"name": "x" * 74, "steps": steps, "settings": {"reentryAfter": "1d"}})
    assert unsound.status == 400
    assert unsound.fields == ["name", "settings.reentryAfter", "steps", "steps.0.next"]
    assert {error["type"] for error in unsound.errors} == {"input-validation"}
    unknown = cart("no-such-destination")
    assert api.post(journeys, unknown).fields == ["steps.1.destinations.0.destinationId"]
    assert api.get(journeys).data["journeys"] == []


def test_event_journeys_are_refused_in_plain_words(api, journeys, target):
    reply = api.post(journeys, cart(target, kind="EVENT"))
    (error,) = reply.errors
    assert (reply.status, error["field"], error["data"]) == (422, "kind", {"code": "not_supported"})
    reply = api.post(journeys, {"name": "X", "steps": [{"id": "e", "type": "entry_event", "event": "E"}]})
    (error,) = reply.errors
    assert (reply.status, error["field"], error["data"]) == (422, "steps.0.type", {"code": "not_supported"})


def test_journeys_are_listed_by_page(world, api, journeys, target):
    for name in "ABC":
        world.clock.advance(1_000)
        draw(api, journeys, target, name=name)
    first = api.get(journeys, pagination={"count": 2}).data
    assert [one["name"] for one in first["journeys"]] == ["A", "B"]
    assert first["pagination"]["totalEntries"] == 3
    rest = api.get(journeys, pagination={"count": 2, "cursor": first["pagination"]["next"]}).data["journeys"]
    assert [(one["name"], "steps" in one) for one in rest] == [("C", False)]


def test_versions_are_asked_for_by_number(api, journeys, target):
    one = draw(api, journeys, target)
    api.post(f"{one}/publish", {})
    draft = api.post(f"{one}/versions", {}).data["journey"]
    assert (draft["version"], draft["status"]) == (2, "draft")
    assert [v["status"] for v in draft["versions"]] == ["live", "draft"]
    assert api.get(one).data["journey"]["version"] == 1
    assert api.get(one, version=2).data["journey"]["steps"] == draft["steps"]
    assert api.get(f"{one}/steps", version=2).data["version"] == 2
    changed = api.patch(one, {"settings": {"exitAfter": "2d"}}).data["journey"]
    assert (changed["version"], changed["settings"]["exitAfter"]) == (2, "2d")
    assert api.post(f"{one}/publish", {}).fields == ["previous"]
    both = api.post(f"{one}/publish", {"previous": "pause", "versionExclusion": True}).data["journey"]
    assert (both["version"], both["status"]) == (2, "live")
    assert [(v["status"], v["versionExclusion"]) for v in both["versions"]] == [("draining", False), ("live", True)]
    archived = api.post(f"{one}/archive?version=1").data["journey"]
    assert (archived["version"], archived["status"]) == (1, "archived")
    copy = api.post(f"{one}/clone?version=1", {"name": "Copy"}).data["journey"]
    assert (copy["name"], copy["status"], copy["settings"].get("exitAfter")) == ("Copy", "draft", None)
    for number in ("0", "3"):
        assert api.get(one, version=number).status == 404
    for number in ("x", "", "-1", "1.5", "1" * 10):
        reply = api.get(one, version=number)
        assert (reply.status, reply.fields) == (422, ["version"])


def test_the_state_of_a_journey_forbids_what_it_does_not_fit(api, journeys, target):
    one = draw(api, journeys, target)
    for action in ("pause", "resume", "archive"):
        assert api.post(f"{one}/{action}").status == 409
    assert api.post(f"{one}/versions", {}).status == 409
    api.post(f"{one}/publish", {})
    assert api.post(f"{one}/publish", {}).status == 409
    assert api.post(f"{one}/resume").status == 409
    reply = api.patch(one, {"settings": {"exitAfter": "7d"}})
    assert (reply.status, reply.errors[0]["type"]) == (409, "conflict")
    assert "new version" in reply.errors[0]["message"]
    assert api.patch(one, {"name": "Basket", "description": "Ours"}).data["journey"]["name"] == "Basket"
    key = api.get(f"{one}/steps").data["steps"][0]["key"]
    api.create_audience("Reader", f"trait('{key}') = 'true'")
    assert api.delete(one).status == 409


def test_a_journey_under_way_says_so(world, api, journeys, target):
    world.runs.held = True
    one = draw(api, journeys, target, settings={"useHistoricalData": True})
    assert api.post(f"{one}/publish", {}).data["journey"]["status"] == "publishing"
    world.runs.let_go()
    assert api.get(one).data["journey"]["status"] == "live"


def test_people_in_steps_are_counted(world, api, journeys, target):
    one = draw(api, journeys, target)
    api.post(f"{one}/publish", {})
    stored = world.workspaces.journeys.drawn(world.workspaces.journeys.every(api.founded.space_id)[0]).version
    entry, nudge = (step.sides[0].computation_id for step in stored.steps)
    world.counted.sizes = {entry: 3, f"{entry}/entry": 5, f"{nudge}/entry": 1}
    rows = api.get(f"{one}/steps").data["steps"]
    assert [(row["id"], row["count"], row["joined"]) for row in rows] == [("a", 3, 5), ("d", 0, 1)]


def test_steps_are_neither_audiences_nor_traits_to_their_owner(world, api, journeys, target):
    one = draw(api, journeys, target)
    api.post(f"{one}/publish", {})
    assert api.get(api.audiences).data["audiences"] == []
    stored = world.workspaces.journeys.drawn(world.workspaces.journeys.every(api.founded.space_id)[0]).version
    for step in stored.steps:
        path = f"{api.audiences}/{step.sides[0].computation_id}"
        link = {"destination": {"id": target, "type": "destination"}}
        assert api.get(path).status == 404
        assert api.patch(path, {"enabled": False}).status == 404
        assert api.delete(path).status == 404
        assert api.get(f"{path}/destination-connections").status == 404
        assert api.post(f"{path}/destination-connections", link).status == 404
    assert api.get(f"{api.space}/traits").data["traits"] == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("POST", "/publish"),
        ("POST", "/pause"),
        ("POST", "/resume"),
        ("POST", "/archive"),
        ("POST", "/clone"),
        ("POST", "/versions"),
        ("GET", "/steps"),
    ],
)
def test_a_journey_that_is_not_there_is_not_found(api, journeys, method, path):
    reply = api.send(method, f"{journeys}/jou_none{path}", None if method in ("GET", "DELETE") else {})
    assert (reply.status, reply.errors[0]["type"]) == (404, "not-found")
