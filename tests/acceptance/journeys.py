"""Journeys as their owner draws them and as a partner and the two APIs show them. Instants are written "+5d1h": so long
after the journey's publication."""

import re
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from chalicelib.clock import DAY, HOUR, MINUTE, SECOND
from chalicelib.instants import parse_iso, to_iso
from tests.acceptance.world import World

Message = dict[str, Any]
Step = dict[str, Any]

UNITS = {"w": 7 * DAY, "d": DAY, "h": HOUR, "m": MINUTE, "s": SECOND, "ms": 1}

CART = "event('Product Added').within(7 days).count() >= 1 AND event('Order Completed').within(7 days).count() = 0"
ADDED = "event('Product Added').within(7 days).count() >= 1"
TRIAL = "event('Trial Started').count() >= 1"
SUBSCRIBED = "event('Subscription Started').count() >= 1"
SIGNED_UP = "event('Signup').count() >= 1"
WEBINAR = "event('Webinar').count() >= 1"
LOYAL = "trait('loyal') = 'true'"
BY_MAIL = "trait('channel') = 'email'"
COMES_AND_GOES = {"exitAfter": "7d", "reentryAfter": "30d"}


def ms(text: str) -> int:
    """Of "5d1h", "+5d1h" or "-1d"."""
    parts = re.findall(r"(\d+)(ms|[wdhms])", text)
    assert parts, text
    total = sum(int(count) * UNITS[unit] for count, unit in parts)
    return -total if text.startswith("-") else total


def span(duration: int) -> str:
    """The other way round, always with its sign."""
    rest, parts = abs(duration), ""
    for unit in ("d", "h", "m", "s", "ms"):
        count, rest = divmod(rest, UNITS[unit])
        parts += f"{count}{unit}" if count else ""
    return ("-" if duration < 0 else "+") + (parts or "0d")


# Steps. Each leads to the one that is written after it, unless it says something else.


def entry(id: str, query: str, **more: Any) -> Step:
    return {"id": id, "type": "entry", "name": id, "query": query, **more}


def condition(id: str, query: str, **more: Any) -> Step:
    return {"id": id, "type": "condition", "name": id, "query": query, **more}


def delay(id: str, duration: str, **more: Any) -> Step:
    return {"id": id, "type": "delay", "duration": duration, **more}


def split(id: str, query: str, true: str | None = None, false: str | None = None) -> Step:
    sides = {side: next for side, next in (("true", true), ("false", false)) if next}
    return {"id": id, "type": "true_false", "name": id, "query": query, **sides}


def multi(id: str, **branches: tuple[str, str | None]) -> Step:
    """By name of the branch its query and where it leads."""
    drawn = [{"name": name, "query": query, **_leading(to)} for name, (query, to) in branches.items()]
    return {"id": id, "type": "multi_branch", "name": id, "branches": drawn}


def lots(id: str, **branches: tuple[float, str | None]) -> Step:
    drawn = [{"name": name, "percent": share, **_leading(to)} for name, (share, to) in branches.items()]
    return {"id": id, "type": "random_split", "name": id, "branches": drawn}


def send(id: str, **more: Any) -> Step:
    """To a webhook of its own, unless `destinations` are given."""
    return {"id": id, "type": "send_to_destination", "name": id, **more}


def show_ad(id: str, **more: Any) -> Step:
    return {"id": id, "type": "show_ad", "name": id, **more}


def _leading(to: str | None) -> dict[str, str]:
    return {"next": to} if to else {}


def ends(step: Step) -> Step:
    """Leads nowhere, whatever is written after it."""
    return {**step, "next": None}


def drawn(*steps: Step) -> list[Step]:
    """Each but a split leads to the next one, if it does not lead anywhere yet."""
    found = []
    for step, after in zip(steps, [*steps[1:], None], strict=True):
        leads = after and step["type"] not in ("true_false", "multi_branch", "random_split") and "next" not in step
        linked = {**step, "next": after["id"]} if leads and after else step
        found.append({key: value for key, value in linked.items() if key != "next" or value is not None})
    return found


def j1(loyal: str = LOYAL) -> list[Step]:
    return drawn(entry("A", CART), delay("wait", "5d"), condition("B", loyal), send("D"))


def j2() -> list[Step]:
    return drawn(entry("A", ADDED), send("D"))


def j3() -> list[Step]:
    return drawn(
        entry("A", TRIAL),
        delay("wait", "5d"),
        split("S", SUBSCRIBED, true="DT", false="DF"),
        ends(send("DT")),
        send("DF"),
    )


def j4(first: str = "D1", second: str = "D2") -> list[Step]:
    sends = [ends(send(id)) for id in dict.fromkeys((first, second))]
    return drawn(entry("A", SIGNED_UP), multi("M", B1=(BY_MAIL, first), B2=(WEBINAR, second)), *sends)


class Trip:
    """One version of a journey in a world, from its publication on. What each send step tells a webhook of its own is
    kept under the id of the step; steps are called by their ids, branches and sides "<step>/<name>"."""

    def __init__(self, world: World, steps: Iterable[Step], journey: str | None = None, **settings: Any) -> None:
        """Published at once, and everything that this brings is done. `journey` has the path of the one of which this
        is a new version; `publishing` is what the publication is asked with."""
        self.world = world
        publishing = settings.pop("publishing", {})
        self.name = settings.pop("name", "Trip")
        self.steps = [self._with_webhook(step) for step in steps]
        self.path = self._new_version(journey, settings) if journey else self._made(settings)
        self.start = world.clock.now()
        self.version = self.do("publish", **publishing)["version"]
        self.keys = {stop: row["key"] for stop, row in self.stops.items()}

    def _made(self, settings: dict[str, Any]) -> str:
        sent = {"name": self.name, "kind": "AUDIENCE", "settings": settings, "steps": self.steps}
        made = self.world.manage("POST", self._journeys, sent).data["journey"]
        return f"{self._journeys}/{made['id']}"

    def _new_version(self, path: str, settings: dict[str, Any]) -> str:
        assert self.world.manage("POST", f"{path}/versions", {}).data
        assert self.world.manage("PATCH", path, {"settings": settings, "steps": self.steps}).data
        return path

    @property
    def _journeys(self) -> str:
        return f"/spaces/{self.world.stack.space_id}/journeys"

    def _with_webhook(self, step: Step) -> Step:
        if step["type"] != "send_to_destination" or "destinations" in step:
            return step
        hook = self.world.webhook(step["id"])
        return {**step, "destinations": [{"destinationId": hook["id"], "track": True, "identify": False}]}

    # What its owner does

    def do(self, action: str, **content: Any) -> Any:
        """Done, with all that follows from it."""
        done = self.world.manage("POST", f"{self.path}/{action}", content).data["journey"]
        self.world.drain()
        return done

    @property
    def shown(self) -> Any:
        return self.world.manage("GET", self.path).data["journey"]

    # Time, and what people do

    def at(self, when: str, *messages: Message) -> None:
        """Time passes until then, and these come, dated then unless they have a `timestamp`."""
        instant = self.start + ms(when)
        self.world.advance((instant - self.world.clock.now()) / SECOND)
        assert self.world.clock.now() == instant, when
        if messages:
            self.world.send(*({"timestamp": to_iso(instant), **message} for message in messages))

    def moment(self, when: str) -> str:
        """As a timestamp."""
        return to_iso(self.start + ms(when))

    def since(self, iso: str) -> str:
        """How long after the publication."""
        found = parse_iso(iso)
        assert found is not None, iso
        return span(found - self.start)

    # What partners hear

    @property
    def sinks(self) -> Sequence[str]:
        return [step["id"] for step in self.steps if step["type"] == "send_to_destination"]

    def messages(self, *sinks: str) -> list[tuple[str, str, Any]]:
        """When, from which step, and what, the oldest first. A message that was sent twice is one."""
        found: dict[str, tuple[str, str, Any]] = {}
        for sink in sinks or self.sinks:
            for request in self.world.received(sink):
                told = (request["time"], sink, request["body"])
                known = found.setdefault(request["body"]["messageId"], told)
                assert known[1:] == told[1:], "one id, two messages"
        return sorted(found.values(), key=lambda told: (*told[:2], who(told[2])))

    def heard(self, *sinks: str) -> list[str]:
        """Like "+5d1h E(D) u1"."""
        return [f"{self.since(time)} {sign(body)}({sink}) {who(body)}" for time, sink, body in self.messages(*sinks)]

    # What the APIs show

    @property
    def stops(self) -> dict[str, Any]:
        """The rows of steps and branches."""
        rows = self.world.manage("GET", f"{self.path}/steps?version={self.version}").data["steps"]
        return {label(row): row for row in rows}

    def counts(self, *stops: str) -> list[int]:
        """Live members."""
        rows = self.stops
        return [rows[stop]["count"] for stop in stops]

    def members(self, user: str) -> list[str]:
        """The stops of whose audiences the person is, as traits and the journey's own view say."""
        traits = self.world.traits(_external(user)) or {}
        found = sorted(stop for stop, key in self.keys.items() if traits.get(key) is True)
        state = self.state(user)
        assert found == sorted(label(step) for step in (state or {"steps": ()})["steps"] if step["member"])
        return found

    def joined(self, user: str) -> dict[str, str]:
        """By stop when, in this cycle."""
        traits = self.world.traits(_external(user)) or {}
        keys = {stop: key for stop, key in self.keys.items() if traits.get(f"{key}_hidden_entry") is True}
        found = {stop: self.since(traits[f"{key}_hidden_entry_joined_at"]) for stop, key in keys.items()}
        steps = [step for step in (self.state(user) or {"steps": ()})["steps"] if step["joinedAt"]]
        assert found == {label(step): self.since(step["joinedAt"]) for step in steps}
        return found

    def state(self, user: str) -> Any:
        """Of a person in this version; None where there is nobody, or no journey."""
        reply = self.world.manage("GET", f"{self.path}/profiles/{quote(_external(user), safe='')}")
        if reply.status == 404:
            return None
        (found,) = [one for one in reply.data["journeyProfile"]["versions"] if one["version"] == self.version]
        return found

    def figures(self, since: str) -> Any:
        """From the day of that instant until today."""
        parameters = f"version={self.version}&from={self.moment(since)[:10]}"
        return self.world.manage("GET", f"{self.path}/figures?{parameters}").data["figures"]


def label(row: Any) -> str:
    step: str = row.get("stepId", row["id"])
    return f"{step}/{row['branch']}" if "branch" in row else step


def _external(user: str) -> str:
    return user if ":" in user else f"user_id:{user}"


def sign(body: Any) -> str:
    """E or X, of a Track or an Identify, whatever the event's name is."""
    if body["type"] == "track":
        held = body["properties"][body["properties"]["audience_key"]]
    else:
        held = body["traits"][body["context"]["personas"]["computation_key"]]
    assert held in (True, False), body
    return "E" if held else "X"


def who(body: Any) -> str:
    """All that the partner is told of the person."""
    mail = (body["traits"] if body["type"] == "identify" else body["context"].get("traits", {})).get("email")
    return "+".join(id for id in (body.get("userId"), mail, body.get("anonymousId")) if id)


def parts(heard: str) -> tuple[str, str, str, str]:
    """When, E or X, the step, and who."""
    when, what, person = heard.split(" ", 2)
    return when, what[0], what[2:-1], person


def shifted(heard: Iterable[str], by: str) -> list[str]:
    """What was heard since one publication, seen from another one, so long before."""
    return [f"{span(ms(one.split()[0]) + ms(by))} {one.split(' ', 1)[1]}" for one in heard]
