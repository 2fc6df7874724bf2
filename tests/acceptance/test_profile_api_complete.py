"""The Profile API as its clients meet it: every resource, its pages, its refusals and what it hides."""

from base64 import b64decode, b64encode
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from chalicelib.clock import DAY, SECOND
from chalicelib.instants import to_iso
from chalicelib.profiles.rate import Rate

from .world import BASE, Reply, World, identify, track

NOT_FOUND = {"error": {"code": "not_found", "message": "Profile was not found."}}
ALIASES = [
    {"id": "bob@example.com", "type": "email"},
    {"id": "+15555550123", "type": "phone"},
    {"id": "x:y/z", "type": "app_id"},
]


def aliases(*named: dict[str, str], collection: str = "users") -> dict[str, Any]:
    return {"context": {"externalIds": [{**one, "collection": collection, "encoding": "none"} for one in named]}}


class Profiles:
    """One space and its reader."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.space = world.stack.space_id
        self.token = world.stack.profile_token or ""
        self.management = f"/spaces/{self.space}"

    def get(self, path: str, prefix: str = "spaces", authorization: str | None = None, **parameters: Any) -> Reply:
        """`path` as it goes over the wire, below the collections."""
        query = f"?{urlencode(parameters, quote_via=quote)}" if parameters else ""
        return self._ask("GET", f"/v1/{prefix}/{self.space}/collections/{path}{query}", authorization)

    def user(self, resource: str, name: str = "user_id:u1", **parameters: Any) -> Reply:
        return self.get(f"users/profiles/{quote(name, safe='')}/{resource}", **parameters)

    def follow(self, reply: Reply) -> Reply:
        """The next page, as clients ask for it."""
        url = reply.body["cursor"]["url"]
        assert url.startswith(f"{BASE}/v1/")
        return self._ask("GET", url.removeprefix(BASE))

    def remove(self, *removed: dict[str, str], name: str = "user_id:u1", collection: str = "users") -> Reply:
        path = f"/v1/spaces/{self.space}/collections/{collection}/profiles/{quote(name, safe='')}/external_ids/delete"
        return self._ask("POST", path, content={"delete_external_ids": list(removed)})

    def _ask(self, method: str, path: str, authorization: str | None = None, content: Any = None) -> Reply:
        sent = basic(self.token) if authorization is None else authorization
        reply = self.world.ask(method, path, content, Authorization=sent, Host="muster.example")
        assert reply.headers["content-type"] == "application/json"
        assert reply.headers["request-id"]
        assert not [name for name in reply.headers if name.startswith("access-control")]
        return reply


def basic(token: str) -> str:
    return "Basic " + b64encode(f"{token}:".encode()).decode()


def days_ago(world: World, days: float) -> dict[str, str]:
    return {"timestamp": to_iso(world.clock.now() - round(days * DAY))}


def refused(reply: Reply, status: int, code: str) -> str:
    assert (reply.status, reply.body["error"]["code"]) == (status, code), reply
    message: str = reply.body["error"]["message"]
    assert message
    return message


@pytest.fixture
def api(world: World) -> Profiles:
    """U with its ids, twelve traits, two computed values, events and an account."""
    world.audience("VIP", "event('B').count() >= 1")
    trait = {"name": "Total spend", "definition": {"query": "event('B').sum(property('price'))", "type": "USERS"}}
    world.manage("POST", f"/spaces/{world.stack.space_id}/computed-traits", trait).data  # noqa: B018
    world.send(
        {**identify("u1", **{f"t{n:02}": n for n in range(1, 13)}), "anonymousId": "a1", **aliases(*ALIASES)},
        track("A", "u1", messageId="first", **days_ago(world, 10)),
        track("B", "u1", messageId="second", properties={"price": 33}, anonymousId="a1", **days_ago(world, 5)),
        track("A", "u1", messageId="third", **days_ago(world, 1)),
        track("Old", "u1", **days_ago(world, 15)),
        {"type": "group", "userId": "u1", "groupId": "g1", "traits": {"plan": "team"}},
    )
    return Profiles(world)


def test_traits_come_ten_at_a_time_and_the_cursor_leads_to_the_rest(api: Profiles) -> None:
    first = api.user("traits")
    assert first.status == 200
    assert list(first.body["traits"]) == [f"t{n:02}" for n in range(1, 11)]
    cursor = first.body["cursor"]
    assert (cursor["has_more"], cursor["next"], cursor["limit"]) == (True, "t11", 10)
    second = api.follow(first)
    assert second.body == {
        "traits": {"t11": 11, "t12": 12, "total_spend": 33, "vip": True},
        "cursor": {"url": "", "has_more": False, "next": "", "limit": 10},
    }


def test_all_traits_on_one_page_and_chosen_ones(api: Profiles) -> None:
    everything = api.user("traits", limit=200).body
    assert len(everything["traits"]) == 14
    assert everything["cursor"] == {"url": "", "has_more": False, "next": "", "limit": 200}
    assert api.user("traits", include="t03,nope,vip").body["traits"] == {"t03": 3, "vip": True}
    assert api.user("traits", include="T03").body["traits"] == {}
    assert api.user("traits", **{"class": "audience"}).body["traits"] == {"vip": True}
    assert api.user("traits", **{"class": "computed_trait"}).body["traits"] == {"total_spend": 33}
    assert api.user("traits", include="t01,vip", **{"class": "audience"}).body["traits"] == {"vip": True}
    assert "class" in refused(api.user("traits", **{"class": "custom"}), 400, "validation_error")


def test_verbose_traits_tell_where_they_come_from(api: Profiles) -> None:
    shown = api.user("traits", include="t01,vip", verbose="true").body["traits"]
    assert shown["t01"] == {"value": 1, "source_id": api.world.stack.source_id, "updated_at": api.world.now()}
    assert shown["vip"]["source_id"] == api.world.stack.engage_source_id
    assert api.user("traits", include="t01", verbose="yes").body["traits"] == {"t01": 1}


def test_the_filters_of_a_page_go_along_to_the_next(api: Profiles) -> None:
    page = api.user("traits", include="t01,t02,t03", limit=2, verbose="true")
    following = api.follow(page)
    assert list(following.body["traits"]) == ["t03"]
    assert following.body["traits"]["t03"]["value"] == 3


@pytest.mark.parametrize("resource", ["traits", "properties", "external_ids", "events", "links"])
def test_page_sizes(api: Profiles, resource: str) -> None:
    most = {"traits": 200, "properties": 200, "external_ids": 100, "events": 100, "links": 20}[resource]
    default = {"traits": 10, "properties": 10, "external_ids": 25, "events": 10, "links": 20}[resource]
    for bad in ("0", "abc", "-1", "1.5", ""):
        assert "limit" in refused(api.user(resource, limit=bad), 400, "validation_error")
    assert api.user(resource, limit=999).body["cursor"]["limit"] == most
    assert api.user(resource).body["cursor"]["limit"] == default
    assert api.user(resource, next="0").body == api.user(resource).body


def test_the_form_of_2019(api: Profiles) -> None:
    reply = api.user("properties", limit=13)
    assert reply.body["data"][0] == {"key": "t01", "value": 1}
    assert api.follow(reply).body["data"] == [{"key": "vip", "value": True}]
    assert api.user("properties", **{"class": "audience"}).body["data"] == [{"key": "vip", "value": True}]


def test_the_older_prefix_is_the_same_and_stays_in_the_cursor(api: Profiles) -> None:
    reply = api.get("users/profiles/email:bob@example.com/traits", "namespaces", include="vip")
    assert (reply.body["traits"], reply.body["cursor"]["has_more"]) == ({"vip": True}, False)
    page = api.get("users/profiles/user_id:u1/traits", "namespaces")
    assert "/v1/namespaces/" in page.body["cursor"]["url"]
    assert len(api.follow(page).body["traits"]) == 4


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("email:Bob@Example.com", 404),
        ("email%3Abob%40example.com", 200),
        ("phone:%2B15555550123", 200),
        ("phone:+15555550123", 200),  # a raw plus in a path is a plus
        ("phone:%2015555550123", 404),
        ("app_id:x%3Ay%2Fz", 200),
        ("app_id:x:y%2Fz", 200),
        ("app_id%3Ax%3Ay%2Fz", 200),
        ("app_id:x%253Ay%252Fz", 404),  # decoded once
        ("App_id:x%3Ay%2Fz", 404),
        ("user_id:U1", 404),
        ("user_id:nobody", 404),
        ("user_id:", 404),
        (":u1", 404),
        ("u1", 404),
        ("user_id:%00", 404),
        ("user_id:%ff%fe", 404),
        ("user_id:%F0%9F%98%80", 404),
        ("user_id:" + "x" * 3_000, 404),
        ("segment_id:use_" + "0" * 3_000, 404),
        ("group_id:g1", 404),
    ],
)
def test_names_are_decoded_once_and_compared_byte_for_byte(api: Profiles, name: str, status: int) -> None:
    for resource in ("traits", "properties", "external_ids", "events", "metadata", "links"):
        reply = api.get(f"users/profiles/{name}/{resource}")
        assert reply.status == status, resource
        assert status == 200 or reply.body == NOT_FOUND


@pytest.mark.parametrize("resource", ["traits", "external_ids", "metadata", "events", "links", "properties", "nothing"])
def test_strangers_are_turned_away(api: Profiles, resource: str) -> None:
    other = api.world.found("other")
    for sent in (
        "",
        basic("bad"),
        basic(other.profile_token or ""),
        basic(api.world.stack.api_token or ""),
        "Bearer " + api.token,
        "Basic %%%",
    ):
        header = sent or "none"
        reply = api.get(f"users/profiles/user_id:u1/{resource}", authorization=header)
        refused(reply, 401, "authentication_error")
    for content in (f"{api.token}:", f"{api.token}:password", api.token):
        sent = "Basic " + b64encode(content.encode()).decode()
        assert api.get("users/profiles/user_id:u1/traits", authorization=sent).status == 200


def test_a_token_does_not_tell_which_spaces_there_are(api: Profiles) -> None:
    other = api.world.found("other")
    for space in (other.space_id, "nowhere"):
        path = f"/v1/spaces/{space}/collections/users/profiles/user_id:u1/traits"
        refused(api._ask("GET", path), 401, "authentication_error")


def test_external_ids_by_type(api: Profiles) -> None:
    found = api.user("external_ids", include="email,phone").body["data"]
    assert sorted(one["type"] for one in found) == ["email", "phone"]
    assert found[0].keys() == {
        "id", "type", "collection", "source_id", "created_at", "encoding", "first_message_id"
    }  # fmt: skip
    assert {(one["encoding"], one["collection"], one["source_id"]) for one in found} == {
        ("none", "users", api.world.stack.source_id)
    }
    assert api.user("external_ids", include="user_id", verbose="true").body["data"][0]["id"] == "u1"
    assert api.user("external_ids", include="u1").body["data"] == []


def test_events_newest_first_without_identify_and_what_is_too_old(api: Profiles) -> None:
    reply = api.user("events")
    assert [(e["event"], e["message_id"]) for e in reply.body["data"]] == [
        ("A", "third"),
        ("B", "second"),
        ("A", "first"),
    ]
    assert reply.body["cursor"] == {"url": "", "has_more": False, "next": "", "limit": 10}
    shown = reply.body["data"][1]
    assert shown["related"]["users"] == api.user("metadata").body["segment_id"]
    assert (shown["type"], shown["source_id"], shown["properties"]) == (
        "track",
        api.world.stack.source_id,
        {"price": 33},
    )
    assert shown["timestamp"] == to_iso(api.world.clock.now() - 5 * DAY)
    assert sorted((e["type"], e["id"]) for e in shown["external_ids"]) == [("anonymous_id", "a1"), ("user_id", "u1")]
    assert shown.keys() == {
        "type", "event", "properties", "context", "timestamp", "message_id", "source_id", "external_ids", "related"
    }  # fmt: skip


def test_an_event_in_the_name_of_an_account_is_related_to_it(api: Profiles) -> None:
    for group in ("g1", "unknown"):
        api.world.send({**track("Signed", "u1"), "context": {"groupId": group}})
    unknown, known = api.user("events", include="Signed").body["data"]
    account = api.get("accounts/profiles/group_id:g1/metadata").body["segment_id"]
    related = sorted(one["related"].get("accounts", "none") for one in (known, unknown))
    assert related == [account, "none"]
    assert len(api.user("links").body["data"]) == 1


def test_events_one_by_one_from_the_oldest(api: Profiles) -> None:
    first = api.user("events", sort="asc", limit=1)
    at, _, message_id = b64decode(first.body["cursor"]["next"]).decode().partition("::")
    assert (int(at), message_id) == ((api.world.clock.now() - 5 * DAY) * 1_000_000, "second")
    second = api.follow(first)
    third = api.follow(second)
    assert [page.body["data"][0]["message_id"] for page in (first, second, third)] == ["first", "second", "third"]
    assert third.body["cursor"]["has_more"] is False


def test_events_by_name_and_time(api: Profiles) -> None:
    def names(**parameters: str) -> list[str]:
        return [e["event"] for e in api.user("events", **parameters).body["data"]]

    assert names(include="A") == ["A", "A"]
    assert names(exclude="A") == ["B"]
    assert names(include="A,B", exclude="B") == ["A", "A"]
    assert names(include="a") == []
    assert names(start=api.world.now(-6 * DAY / SECOND), end=api.world.now(-2 * DAY / SECOND)) == ["B"]
    assert names(start=api.world.now(-30 * DAY / SECOND)) == ["A", "B", "A"]
    assert names(start=api.world.now(-5 * DAY / SECOND)) == ["A"]
    assert names(start=api.world.now(-5 * DAY / SECOND)[:10]) == ["A", "B"]


@pytest.mark.parametrize(
    "wrong", [{"sort": "newest"}, {"start": "yesterday"}, {"end": "2026-13-01"}, {"next": "garbage"}, {"start": ""}]
)
def test_what_events_cannot_be_asked_for(api: Profiles, wrong: dict[str, str]) -> None:
    assert next(iter(wrong)) in refused(api.user("events", **wrong), 400, "validation_error")
    assert next(iter(wrong)) in refused(api.user("events", "user_id:nobody", **wrong), 400, "validation_error")


def test_metadata_under_every_name(api: Profiles) -> None:
    shown = api.user("metadata").body
    id = shown["segment_id"]
    assert id.startswith("use_")
    assert shown["metadata"].keys() == {
        "created_at", "updated_at", "expires_at", "first_message_id", "first_source_id", "last_message_id",
        "last_source_id",
    }  # fmt: skip
    assert shown["metadata"]["expires_at"] is None
    for name in (id, f"segment_id:{id}", "anonymous_id:a1"):
        assert api.user("metadata", name, verbose="true").body == shown


def test_accounts_have_profiles_of_their_own(api: Profiles) -> None:
    account = "accounts/profiles/group_id:g1"
    assert api.get(f"{account}/traits").body["traits"] == {"plan": "team"}
    assert api.get(f"{account}/metadata").body["segment_id"].startswith("acc_")
    (id,) = api.get(f"{account}/external_ids").body["data"]
    assert (id["type"], id["id"], id["collection"]) == ("group_id", "g1", "accounts")
    assert api.get(f"{account}/events").body["data"] == []
    assert api.get("users/profiles/group_id:g1/traits").status == 404
    assert api.get("accounts/profiles/user_id:u1/traits").status == 404
    assert api.get(f"accounts/profiles/{api.user('metadata').body['segment_id']}/traits").status == 404


def test_paths_that_lead_nowhere(api: Profiles) -> None:
    message = refused(api.get("us!ers/profiles/user_id:u1/traits"), 400, "validation_error")
    assert "collection" in message
    refused(api.get("people/profiles/user_id:u1/traits"), 404, "not_found")
    refused(api.get("users/profiles/user_id:u1/secrets"), 404, "not_found")
    refused(api.get("users/profiles/user_id:u1/traits/more"), 404, "not_found")
    refused(
        api._ask("PUT", f"/v1/spaces/{api.space}/collections/users/profiles/user_id:u1/traits"),
        405,
        "invalid_request_error",
    )


def test_the_list_of_everybody_newest_first(api: Profiles) -> None:
    for n in range(4):
        api.world.clock.advance(SECOND)
        api.world.send(track("Seen", f"person{n}"))
    names = [f"user_id:person{n}" for n in (3, 2, 1, 0)] + ["user_id:u1"]
    expected = [{"segment_id": api.user("metadata", name).body["segment_id"]} for name in names]
    first = api.get("users/profiles", limit=2)
    api.world.clock.advance(SECOND)
    api.world.send(track("Seen", "a latecomer"))
    second = api.follow(first)
    third = api.follow(second)
    assert [one for page in (first, second, third) for one in page.body["data"]] == expected
    assert third.body["cursor"]["has_more"] is False
    assert len(api.get("users/profiles").body["data"]) == 6
    assert [one["segment_id"][:4] for one in api.get("accounts/profiles").body["data"]] == ["acc_"]
    assert "next" in refused(api.get("users/profiles", next="garbage"), 400, "validation_error")


def test_more_requests_than_a_space_may_have_in_a_second(api: Profiles) -> None:
    application = api.world.application
    application.profile_rate = Rate(application.adapters.work, api.world.clock, 100)
    for _ in range(30):
        assert api.get("users/profiles/user_id:u1/traits", authorization=basic("bad")).status == 401
    replies = [api.get("users/profiles/user_id:u1/metadata") for _ in range(150)]
    assert [reply.status for reply in replies] == [200] * 100 + [429] * 50
    assert refused(replies[-1], 429, "rate_limit_error")
    assert int(replies[-1].headers["retry-after"]) >= 1
    # Rate comes before the path, and who is not let in at all is told so first.
    refused(api.get("us!ers/profiles/user_id:u1/traits"), 429, "rate_limit_error")
    refused(api.get("users/profiles/user_id:u1/traits", authorization=basic("bad")), 401, "authentication_error")
    api.world.clock.advance(SECOND)
    assert api.get("users/profiles/user_id:u1/metadata").status == 200


def test_an_identifier_is_taken_away_and_everything_else_stays(api: Profiles) -> None:
    traits, events = api.user("traits", limit=200).body, api.user("events").body
    removed = api.remove({"type": "email", "id": "bob@example.com"})
    assert (removed.status, removed.body["code"]) == (200, "success")
    assert api.user("metadata", "email:bob@example.com").status == 404
    assert api.user("traits", limit=200).body == traits
    assert api.user("events").body == events
    assert "email" not in [one["type"] for one in api.user("external_ids").body["data"]]
    refused(api.remove({"type": "email", "id": "bob@example.com"}), 404, "eid_not_found")


def test_a_freed_identifier_may_name_somebody_else(api: Profiles) -> None:
    api.remove({"type": "email", "id": "bob@example.com"})
    api.world.send({**identify("u2"), **aliases({"id": "bob@example.com", "type": "email"})})
    assert api.user("metadata", "email:bob@example.com").body == api.user("metadata", "user_id:u2").body
    api.world.send({**track("Late", "u1"), **aliases({"id": "+15555550123", "type": "phone"})})
    assert api.user("metadata", "phone:+15555550123").body == api.user("metadata").body


def test_removals_that_make_no_sense(api: Profiles) -> None:
    email, phone = {"type": "email", "id": "bob@example.com"}, {"type": "phone", "id": "+15555550123"}
    before = api.user("external_ids").body
    for reply in (
        api.remove(email, phone),
        api.remove(),
        api.remove({"type": "user_id", "id": "u1"}),
        api.remove(phone, name="email:bob@example.com"),
        api.remove(email, name=api.user("metadata").body["segment_id"]),
        api.remove(email, name="user_id:"),
        api.remove(email, collection="accounts"),
        api.remove(email, collection="peo!ple"),
        api.remove({"type": "email"}),
        api.remove({"type": "email", "id": 5}),  # type: ignore[dict-item]
        api._ask("POST", f"/v1/spaces/{api.space}/collections/users/profiles//external_ids/delete", content={}),
    ):
        refused(reply, 400, "bad_request")
    for type in ("group_id", "nonsense", "segment_id"):
        refused(api.remove({"type": type, "id": "g1"}), 400, "unsupported_eid_type")
    refused(api.remove({"type": "email", "id": "Bob@Example.com"}), 404, "eid_not_found")
    refused(api.remove({"type": "ios.id", "id": "1"}), 404, "eid_not_found")
    refused(api.remove(email, name="user_id:nobody"), 404, "not_found")
    assert api.user("external_ids").body == before


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"\xff"', b'{"delete_external_ids": {}}', b"[" * 100_000])
def test_bodies_that_are_no_removal(api: Profiles, body: bytes) -> None:
    path = f"/v1/spaces/{api.space}/collections/users/profiles/user_id:u1/external_ids/delete"
    refused(api._ask("POST", path, content=body), 400, "bad_request")


def test_who_may_remove(api: Profiles) -> None:
    path = f"/v1/namespaces/{api.space}/collections/users/profiles/user_id:u1/external_ids/delete"
    content = {"delete_external_ids": [{"type": "email", "id": "bob@example.com"}]}
    refused(api._ask("POST", path, basic("bad"), content), 401, "unauthorized")
    refused(api._ask("GET", path), 405, "invalid_request_error")
    assert api._ask("POST", path, content=content).status == 200


def test_more_removals_than_a_profile_may_have_in_a_second(api: Profiles) -> None:
    application = api.world.application
    application.removal_rate = Rate(application.adapters.work, api.world.clock, 3)
    replies = [api.remove({"type": "ios.id", "id": "1"}) for _ in range(4)]
    assert [reply.status for reply in replies] == [404, 404, 404, 429]
    assert refused(replies[-1], 429, "rate_limit_error")


def test_thirty_external_ids_take_two_pages(api: Profiles) -> None:
    rules = {"types": {"anonymous_id": {"limit": 100}}}
    assert api.world.manage("PUT", f"{api.management}/identity-rules", rules).status == 200
    for n in range(30):
        api.world.advance(1)
        api.world.send({**track("Seen", "u1"), "anonymousId": f"more{n:02}"})
    first = api.user("external_ids", include="anonymous_id")
    second = api.follow(first)
    found = [one["id"] for page in (first, second) for one in page.body["data"]]
    assert (len(first.body["data"]), first.body["cursor"]["has_more"]) == (25, True)
    assert found == [f"more{n:02}" for n in reversed(range(30))] + ["a1"]
    assert second.body["cursor"] == {"url": "", "has_more": False, "next": "", "limit": 25}


def test_two_profiles_of_one_person_become_the_older_one(api: Profiles) -> None:
    """Somebody who came before, without saying who, turns out to be the one with the user id."""
    world = api.world
    world.send({**track("Came first"), "anonymousId": "w1"})
    world.advance(1)
    world.send(
        {**identify("u9", city="Oslo"), "anonymousId": "b1", **aliases({"id": "w@example.com", "type": "email"})}
    )
    world.send({**track("Came second", "u9"), "anonymousId": "b1"})
    older, younger = (api.user("metadata", name).body["segment_id"] for name in ("anonymous_id:w1", "user_id:u9"))
    preview = {"identifiers": [{"type": "user_id", "id": "u9"}, {"type": "anonymous_id", "id": "w1"}]}
    shown = world.manage("POST", f"{api.management}/merge-preview", preview).data["preview"]
    assert (shown["outcome"], shown["survivor"], shown["merged"]) == ("merge", older, [younger])

    world.send({**track("Signed in", "u9", messageId="joined"), "anonymousId": "w1"})
    for name in ("anonymous_id:w1", younger, older, f"segment_id:{younger}", "anonymous_id:b1", "user_id:u9"):
        shown = api.user("metadata", name)
        assert (shown.status, shown.body["segment_id"]) == (200, older)
    ids = api.user("external_ids", younger).body["data"]
    assert sorted(one["id"] for one in ids) == ["b1", "u9", "w1", "w@example.com"]
    events = api.user("events", younger).body["data"]
    assert sorted(event["event"] for event in events) == ["Came first", "Came second", "Signed in"]
    assert {event["related"]["users"] for event in events} == {older}
    assert api.user("traits", "anonymous_id:w1").body["traits"] == {"city": "Oslo"}
    assert {"segment_id": younger} not in api.get("users/profiles", limit=100).body["data"]
    for id in (older, younger):
        history = world.manage("GET", f"{api.management}/profiles/{id}/merges").data
        assert history["profileId"] == older
        assert [(one["profileId"], one["messageId"]) for one in history["merges"]] == [(younger, "joined")]


def test_links_between_people_and_accounts(api: Profiles) -> None:
    api.world.advance(1)
    api.world.send(
        {"type": "group", "userId": "u2", "groupId": "g1"}, {"type": "group", "userId": "u1", "groupId": "g2"}
    )
    mine = api.user("links").body
    assert [(one["to_collection"], one["external_ids"][0]["id"]) for one in mine["data"]] == [
        ("accounts", "g1"),
        ("accounts", "g2"),
    ]
    assert mine["cursor"] == {"url": "", "has_more": False, "next": "", "limit": 20}
    theirs = api.get("accounts/profiles/group_id:g1/links", limit=1)
    assert theirs.body["data"][0]["to_collection"] == "users"
    ids = theirs.body["data"][0]["external_ids"]
    assert {(one["type"], one["id"]) for one in ids} == {
        ("user_id", "u1"),
        ("anonymous_id", "a1"),
        ("email", "bob@example.com"),
        ("phone", "+15555550123"),
        ("app_id", "x:y/z"),
    }
    assert ids[0].keys() == api.user("external_ids").body["data"][0].keys()
    (second,) = api.follow(theirs).body["data"]
    assert [one["id"] for one in second["external_ids"]] == ["u2"]
    assert api.user("links", "user_id:u2").body["data"][0]["external_ids"][0]["id"] == "g1"
    assert "next" in refused(api.user("links", next="garbage"), 400, "validation_error")


def test_somebody_without_links(api: Profiles) -> None:
    api.world.send(track("Seen", "u3"))
    assert api.user("links", "user_id:u3").body["data"] == []
