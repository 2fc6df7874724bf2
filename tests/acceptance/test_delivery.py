"""What a partner receives: how often, when, under which ids, and what becomes of what it refuses."""

import hashlib
import hmac
import json
from collections import Counter
from email.utils import formatdate
from typing import Any

import pytest

from chalicelib.clock import SECOND
from chalicelib.delivery.classification import no_answer
from chalicelib.instants import parse_iso

from .world import World, identify, track

HOURS = 3_600
ANONYMOUS_TOO = {"options": {"filterByExternalIds": ["user_id", "email", "android.idfa", "ios.idfa", "anonymous_id"]}}
BOTH_FORMS: dict[str, Any] = {"connectionSettings": {"sendTrack": True}}


class Vip:
    """An audience of those who bought within the hour, and a webhook that hears of it. `more` is for the connection."""

    def __init__(
        self,
        world: World,
        sink: str = "hook",
        *,
        query: str = "event('Bought').within(1 hour).count() >= 1",
        audience: dict[str, Any] | None = None,
        settings: dict[str, Any] | None = None,
        **more: Any,
    ) -> None:
        self.world, self.sink = world, sink
        self.audience = world.audience("VIP", query, **(audience or {}))
        self.destination = world.webhook(sink, **(settings or {}))
        self.connection = world.connect(self.audience, self.destination, **more)

    def enter(self, user: str = "u1", *emails: str) -> None:
        self.world.send(*(identify(user, email=email) for email in emails), track("Bought", user))

    @property
    def times(self) -> list[float]:
        """Of the requests, in seconds from the first."""
        instants = [parse_iso(request["time"]) or 0 for request in self.world.received(self.sink)]
        return [(instant - instants[0]) / SECOND for instant in instants]

    @property
    def events(self) -> list[Any]:
        return self.world.events(self.sink)

    @property
    def rows(self) -> list[tuple[str, str | None, str | None, bool]]:
        return [
            (e["event"], e.get("userId"), e["context"].get("traits", {}).get("email"), e["properties"]["vip"])
            for e in self.events
        ]

    @property
    def refused(self) -> list[tuple[str, int, bool]]:
        """Dead letters: code, attempts, whether retries were used up."""
        letters = self.world.dead_letters(self.destination)
        return [(letter["code"], letter["attempts"], letter["retriesExhausted"]) for letter in letters]


def test_one_person_with_one_address_is_one_request(world: World) -> None:
    vip = Vip(world)
    vip.enter("u1", "jo@ex.io")
    assert vip.rows == [("Audience Entered", "u1", "jo@ex.io", True)]
    assert vip.events[0]["properties"] == {"audience_key": "vip", "vip": True}
    assert vip.events[0]["integrations"] == {"All": False, "Webhook": True}


def test_both_forms_are_two_requests(world: World) -> None:
    vip = Vip(world, **BOTH_FORMS)
    vip.enter("u1", "jo@ex.io")
    forms = {event["type"]: event for event in vip.events}
    assert forms.keys() == {"identify", "track"}
    assert forms["identify"]["traits"] == {"email": "jo@ex.io", "vip": True}
    assert len({event["messageId"] for event in vip.events}) == 2


def test_every_address_is_told_and_every_one_of_them_of_the_exit(world: World) -> None:
    vip = Vip(world)
    vip.enter("u1", "a@ex.io", "b@ex.io")
    assert vip.rows == [("Audience Entered", "u1", f"{name}@ex.io", True) for name in "ab"]
    world.manage("PATCH", vip.connection, {"idSyncConfiguration": [{"externalId": "email", "strategy": "last"}]})
    world.advance(2 * HOURS)
    assert vip.rows[2:] == [("Audience Exited", "u1", f"{name}@ex.io", False) for name in "ab"]


def test_only_the_newest_address_if_the_connection_says_so(world: World) -> None:
    chosen = [{"externalId": "email", "strategy": "last"}, {"externalId": "user_id", "strategy": "all"}]
    vip = Vip(world, idSyncConfiguration=chosen)
    for name in "abc":
        world.send(identify("u1", email=f"{name}@ex.io"))
        world.advance(1)
    vip.enter("u1")
    assert vip.rows == [("Audience Entered", "u1", "c@ex.io", True)]


def test_an_address_gained_later_is_told_of_members_alone(world: World) -> None:
    vip = Vip(world)
    vip.enter("u1", "a@ex.io")
    world.send(identify("stranger", email="s@ex.io"), identify("stranger", email="t@ex.io"))
    world.send(identify("u1", email="b@ex.io"))
    assert vip.rows[1:] == [("Audience Entered", "u1", "b@ex.io", True)]
    world.send(identify("u1", email="b@ex.io"), track("Bought", "u1"))
    assert len(vip.rows) == 2


@pytest.mark.parametrize(("options", "told"), [(ANONYMOUS_TOO, ["a1", "a2", "a3"]), ({}, [])])
def test_the_anonymous_are_one_row_each_where_they_are_included(
    world: World, options: dict[str, Any], told: list[str]
) -> None:
    vip = Vip(world, audience=options)
    card: dict[str, Any] = {
        "context": {"externalIds": [{"id": "c1", "type": "card", "collection": "users", "encoding": "none"}]}
    }
    world.send(*(track("Bought", anonymousId=f"a{n}", **card) for n in (1, 2, 3)))
    assert [(e["anonymousId"], "userId" in e) for e in vip.events] == [(id, False) for id in told]


def test_ten_attempts_within_four_hours_and_a_dead_letter(world: World) -> None:
    vip = Vip(world, query="event('Bought').count() >= 1")
    world.script("hook", *[429] * 20)
    vip.enter()
    assert (len(vip.times), world.waiting()) == (1, 1)
    world.advance(24 * HOURS)
    delays = [later - earlier for earlier, later in zip(vip.times, vip.times[1:], strict=False)]
    bounds = [min(60 * 2**n, 2_700) for n in range(9)]
    assert len(delays) == len(bounds)
    for delay, bound in zip(delays, bounds, strict=True):
        assert bound <= delay <= 1.2 * bound + 1  # SQS counts in seconds
    assert vip.times[-1] <= 3 * HOURS + 58 * 60
    assert vip.refused == [("429", 10, True)]
    assert world.waiting() == 0
    requests = world.received("hook")
    assert len({request["raw"] for request in requests}) == 1
    (letter,) = world.dead_letters(vip.destination)
    assert letter["payload"] == requests[0]["body"]
    assert letter["messageId"] == requests[0]["body"]["messageId"]


def test_no_attempt_comes_before_its_time(world: World) -> None:
    vip = Vip(world)
    world.script("hook", 503)
    vip.enter()
    world.advance(59.999)
    assert len(vip.times) == 1
    world.advance(13.001)
    assert len(vip.times) == 2


def test_a_partner_that_recovers_gets_the_same_message(world: World) -> None:
    vip = Vip(world)
    world.script("hook", 503, 503)
    vip.enter()
    world.advance(4 * 60)
    assert [request["answered"] for request in world.received("hook")] == [503, 503, 200]
    assert len({event["messageId"] for event in vip.events}) == 1
    assert (vip.refused, world.waiting()) == ([], 0)


@pytest.mark.parametrize(
    "status", [400, 401, 402, 403, 404, 405, 409, 410, 413, 415, 422, 428, 431, 451, 499, 501, 304]
)
def test_what_is_refused_for_good_is_sent_once(world: World, status: int) -> None:
    vip = Vip(world)
    world.script("hook", status)
    vip.enter()
    assert vip.refused == [(str(status), 1, False)]
    world.advance(0.9 * HOURS)
    assert len(vip.times) == 1


@pytest.mark.parametrize("status", [408, 423, 429, 500, 502, 503, 504, 511, 529, 599])
def test_what_may_pass_is_sent_again(world: World, status: int) -> None:
    vip = Vip(world)
    world.script("hook", status)
    vip.enter()
    world.advance(73)
    assert [request["answered"] for request in world.received("hook")] == [status, 200]


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("600", 600, 601), ("1", 60, 73), ("soon", 60, 73), ("-5", 60, 73), ("DATE", 900, 901)],
)
def test_retry_after_prolongs_the_wait_and_never_shortens_it(world: World, asked: str, first: int, last: int) -> None:
    vip = Vip(world)
    until = formatdate(world.clock.now() / SECOND + 900, usegmt=True)
    world.script("hook", {"status": 503, "headers": {"Retry-After": until if asked == "DATE" else asked}})
    vip.enter()
    world.advance(0.5 * HOURS)
    assert len(vip.times) == 2
    assert first <= vip.times[1] <= last


def test_a_partner_that_asks_for_longer_than_we_wait_is_given_up_at_once(world: World) -> None:
    vip = Vip(world)
    world.script("hook", {"status": 429, "headers": {"Retry-After": "14401"}})
    vip.enter()
    assert (vip.refused, world.waiting()) == ([("429", 1, True)], 0)


def test_a_host_that_is_unknown_for_ten_minutes(world: World) -> None:
    vip = Vip(world)
    world.unreachable = no_answer("ENOTFOUND")
    vip.enter()
    world.advance(10 * 60)
    assert (len(world.transport.requests), vip.times) == (4, [])
    world.unreachable = None
    world.advance(8 * 60)
    assert (len(world.transport.requests), len(vip.times), vip.refused) == (5, 1, [])


def test_the_signature_is_that_of_the_bytes_sent(world: World) -> None:
    vip = Vip(world, settings={"sharedSecret": "s3cr3t"}, **BOTH_FORMS)
    vip.enter("ü 雪 \u2028 </script>", "jo@ex.io")
    for request in world.received("hook"):
        expected = hmac.new(b"s3cr3t", request["raw"].encode(), hashlib.sha1).hexdigest()
        assert request["headers"]["X-Signature"] == expected
        assert request["raw"] == json.dumps(request["body"], separators=(",", ":"), ensure_ascii=False)
    assert len(vip.events) == 2
    world.manage("PATCH", f"/destinations/{vip.destination['id']}", {"settings": {"sharedSecret": None}})
    vip.enter("u2")
    assert "X-Signature" not in world.received("hook")[-1]["headers"]


def test_what_changes_during_a_pause_is_not_caught_up_and_a_removal_ends_it(world: World) -> None:
    vip = Vip(world)
    world.manage("PATCH", vip.connection, {"enabled": False})
    for n in range(5):
        vip.enter(f"u{n}")
    world.manage("PATCH", vip.connection, {"enabled": True})
    vip.enter("u9")
    assert [event["userId"] for event in vip.events] == ["u9"]
    assert world.manage("DELETE", vip.connection).data == {"status": "SUCCESS"}
    vip.enter("u10")
    world.advance(2 * HOURS)
    assert len(vip.events) == 1
    assert world.manage("GET", vip.connection.rpartition("/")[0]).data == {"connections": []}


def test_a_retry_that_falls_into_a_pause_is_given_up(world: World) -> None:
    vip = Vip(world)
    world.script("hook", 503)
    vip.enter()
    world.manage("PATCH", vip.connection, {"enabled": False})
    world.advance(0.5 * HOURS)
    assert (len(vip.events), vip.refused) == (1, [("CONNECTION_PAUSED", 1, False)])


def test_a_disabled_destination_gets_nothing_and_begins_anew(world: World) -> None:
    vip = Vip(world)
    path = f"/destinations/{vip.destination['id']}"
    world.script("hook", 503)
    vip.enter("waits")
    world.manage("PATCH", path, {"enabled": False})
    vip.enter("unheard")
    world.advance(0.5 * HOURS)
    assert vip.refused == [("DESTINATION_DISABLED", 1, False)]
    world.manage("PATCH", path, {"enabled": True})
    vip.enter("heard")
    assert [event["userId"] for event in vip.events] == ["waits", "heard"]


@pytest.mark.parametrize("removed", ["connection", "audience", "destination"])
def test_retries_end_silently_with_what_they_belong_to(world: World, removed: str) -> None:
    vip = Vip(world)
    world.script("hook", 503)
    vip.enter()
    paths = {
        "connection": vip.connection,
        "audience": f"{world.audiences}/{vip.audience['id']}",
        "destination": f"/destinations/{vip.destination['id']}",
    }
    assert world.manage("DELETE", paths[removed]).data == {"status": "SUCCESS"}
    world.advance(0.5 * HOURS)
    assert (len(vip.events), world.waiting()) == (1, 0)
    if removed != "destination":
        assert vip.refused == []


def test_settings_mended_while_a_message_waits_are_used_for_it(world: World) -> None:
    vip = Vip(world)
    world.script("hook", 500, 500)
    vip.enter()
    path = f"/destinations/{vip.destination['id']}"
    world.manage("PATCH", path, {"settings": {"url": "http://partner.example/moved"}})
    world.advance(0.5 * HOURS)
    assert [event["messageId"] for event in world.events("moved")] == [vip.events[0]["messageId"]]


def test_a_destination_of_an_ordinary_source_is_refused_and_two_of_the_space_both_hear(world: World) -> None:
    vip = Vip(world)
    foreign = world.webhook("foreign", source=world.stack.source_id)
    sent = {"destination": {"id": foreign["id"], "type": "destination"}}
    reply = world.manage("POST", f"{world.audiences}/{vip.audience['id']}/destination-connections", sent)
    assert (reply.status, reply.body["errors"][0]["data"]["code"]) == (409, "DESTINATION_LINKED_TO_CONNECTIONS_SOURCE")
    second = world.webhook("second")
    assert second["name"] != vip.destination["name"]
    world.connect(vip.audience, second)
    vip.enter()
    assert (len(vip.events), len(world.events("second")), len(world.events("foreign"))) == (1, 1, 0)
    assert vip.events[0]["messageId"] != world.events("second")[0]["messageId"]


def test_a_dead_partner_does_not_hold_up_its_neighbour(world: World) -> None:
    vip = Vip(world, "dead")
    world.connect(vip.audience, world.webhook("alive"))
    world.script("dead", *[503] * 1_000)
    world.send(*(track("Bought", f"u{n}") for n in range(40)))
    assert len(world.events("alive")) == 40
    assert {request["time"] for request in world.received("alive")} == {world.now()}
    world.advance(0.9 * HOURS)
    assert len(world.events("alive")) == 40
    world.advance(0.2 * HOURS)
    assert [event["event"] for event in world.events("alive")[40:]] == ["Audience Exited"] * 40
    world.advance(24 * HOURS)
    attempts = Counter(event["messageId"] for event in vip.events)
    assert list(attempts.values()) == [10] * 80
    assert vip.refused == [("503", 10, True)] * 80


def test_names_of_events_and_secret_headers_are_the_owners(world: World) -> None:
    names = {"sendIdentify": False, "sendTrack": True, "enterEventName": "Came", "exitEventName": "Went"}
    settings = {"headers": {"Authorization": "Bearer hush"}, "method": "PUT"}
    vip = Vip(world, settings=settings, connectionSettings=names)
    assert "hush" not in str(vip.destination)
    vip.enter()
    world.advance(2 * HOURS)
    assert [event["event"] for event in vip.events] == ["Came", "Went"]
    assert {request.method for request in world.transport.requests} == {"PUT"}
    assert world.received("hook")[0]["headers"]["Authorization"] == "Bearer hush"


def test_a_destination_connected_later_hears_of_those_who_are_members_already(world: World) -> None:
    vip = Vip(world)
    vip.enter("member", "jo@ex.io", "joe@ex.io")
    world.send(identify("nobody", plan="free"))
    world.connect(vip.audience, world.webhook("later"))
    world.advance(60)
    events = world.events("later")
    assert [(e["event"], e["userId"], e["properties"]["vip"]) for e in events] == [
        ("Audience Entered", "member", True)
    ] * 2
    assert {e["context"]["traits"]["email"] for e in events} == {"jo@ex.io", "joe@ex.io"}
    vip.enter("new")
    assert [event["userId"] for event in world.events("later")[2:]] == ["new"]
    assert len(vip.events) == 3


def test_members_are_told_again_when_their_owner_asks_and_what_a_pause_lost_is_repaired_by_that(world: World) -> None:
    vip = Vip(world)
    vip.enter("u1")
    world.manage("PATCH", vip.connection, {"enabled": False})
    assert world.manage("POST", vip.connection + "/resync").status == 409
    vip.enter("u2")
    world.manage("PATCH", vip.connection, {"enabled": True})
    world.advance(60)
    assert [event["userId"] for event in vip.events] == ["u1"]
    answer = world.manage("POST", vip.connection + "/resync")
    assert (answer.status, answer.data["performResync"]) == (200, True)
    world.advance(60)
    assert sorted(event["userId"] for event in vip.events) == ["u1", "u1", "u2"]
    assert len({event["messageId"] for event in vip.events}) == 3
    world.advance(1.1 * HOURS)
    assert [event["event"] for event in vip.events[3:]] == ["Audience Exited"] * 2


def test_an_activation_chooses_traits_and_may_have_everybody_told_again(world: World) -> None:
    vip = Vip(world)
    world.send(identify("u1", plan="pro"))
    vip.enter("u1")
    assert "plan" not in vip.events[0]["properties"]
    sent = {
        "activationType": "All Events",
        "activationName": "Personal",
        "performResync": True,
        "personalization": {"profile": {"properties": ["plan"], "mapping": {"plan": "tier"}}},
    }
    made = world.manage("POST", vip.connection + "/activations", sent).data["activation"]
    assert made["performResync"]
    world.advance(60)
    assert [event["properties"] for event in vip.events[1:]] == [{"audience_key": "vip", "vip": True, "tier": "pro"}]
    path = f"{world.audiences}/{vip.audience['id']}/activations/{made['id']}"
    assert not world.manage("GET", path).data["activation"]["performResync"]


def test_people_who_become_one_are_told_as_one_if_the_owner_wants_that(world: World) -> None:
    settings = {"sendIdentify": False, "sendTrack": True, "sendAlias": True}
    vip = Vip(world, connectionSettings=settings)
    vip.enter("u1")
    world.send(track("Seen", anonymousId="a1"))
    world.advance(1)
    world.send(track("Seen", "u1", anonymousId="a1"))
    alias = vip.events[-1]
    assert (alias["type"], alias["previousId"], alias["userId"]) == ("alias", "a1", "u1")
    assert len(vip.events) == 2


def test_a_destination_connected_later_without_a_past_hears_only_of_what_changes_then(world: World) -> None:
    vip = Vip(world, audience={"options": {"includeHistoricalData": False}})
    vip.enter("member")
    world.connect(vip.audience, world.webhook("later"))
    world.advance(600)
    assert world.events("later") == []
    vip.enter("new")
    assert [event["userId"] for event in world.events("later")] == ["new"]
    world.advance(1.1 * HOURS)
    assert sorted(event["userId"] for event in world.events("later")[1:]) == ["member", "new"]


def test_a_partner_that_moved_is_followed_within_the_attempt(world: World) -> None:
    vip = Vip(world, settings={"sharedSecret": "s3cr3t"})
    world.script("hook", {"status": 307, "headers": {"Location": "/new"}})
    vip.enter()
    (moved,) = world.received("new")
    assert moved["raw"] == world.received("hook")[0]["raw"]
    assert moved["headers"]["X-Signature"] == world.received("hook")[0]["headers"]["X-Signature"]
    assert vip.refused == []


def test_a_circle_of_redirects_ends_as_one_refused_attempt(world: World) -> None:
    vip = Vip(world)
    world.script("hook", *[{"status": 308, "headers": {"Location": "/hook"}}] * 20)
    vip.enter()
    assert (len(vip.events), vip.refused) == (6, [("308", 1, False)])
