"""Two simulated days of a shop, sent to a running stack with the official Python SDK, and what came of them."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from segment.analytics.client import Client as Segment
from urllib3.exceptions import HTTPError

from . import shop
from .client import Client, Refused

STEP = 3_600  # seconds: an hour of the shop is sent, then worked off
WEBHOOK = "actions-webhook"
SHOWN = 3

AUDIENCES = (
    (
        "Left a cart",
        "event('Product Added').within(3 hours).count() >= 1"
        " AND NOT event('Order Completed').within(3 hours).count() >= 1",
        "a three-hour window",
    ),
    ("Newsletter readers", "trait('newsletter') = true", "a trait"),
    (
        "Best customers",
        "event('Order Completed').sum(property('revenue')) >= 100 AND trait('plan') = 'plus'",
        "orders and a trait",
    ),
)

BLOCKS = " ▁▂▃▄▅▆▇█"


class Audience(NamedTuple):
    id: str
    key: str
    name: str
    kind: str


class Demo:
    """Uses nothing but the public APIs and the control routes."""

    def __init__(self, client: Client, console: Console) -> None:
        self._client, self._console = client, console
        self._space = client.stack["space_id"]
        self._sizes: dict[str, list[int]] = {}

    def run(self) -> None:
        self._client.local("DELETE", f"sink/{shop.SINK}")
        audiences = self._set_up()
        calls = shop.calls()
        self._client.local("DELETE", "meter")
        # An hour is worked off when it was sent as a whole: that makes every run show the same numbers.
        self._client.local("POST", "triggers", {"running": False})
        try:
            self._live(calls, audiences)
        finally:
            self._client.local("POST", "triggers", {"running": True})
        figures = self._client.local("GET", "meter")
        self._show(audiences, len(calls), figures)

    def _set_up(self) -> list[Audience]:
        destination = self._destination()
        return [self._audience(name, query, kind, destination) for name, query, kind in AUDIENCES]

    def _destination(self) -> str:
        catalog = self._client.manage("GET", '/catalog/destinations?pagination={"count":200}')["destinationsCatalog"]
        (webhook,) = [entry["id"] for entry in catalog if entry["slug"] == WEBHOOK]
        url = f"{self._client.stack['base_url']}/_local/sink/{shop.SINK}"
        body = {
            "sourceId": self._client.stack["engage_source_id"],
            "metadataId": webhook,
            "settings": {"url": url, "sharedSecret": "demo", "allowPrivateAddresses": True},
        }
        return str(self._client.manage("POST", "/destinations", body)["destination"]["id"])

    def _audience(self, name: str, query: str, kind: str, destination: str) -> Audience:
        body = {
            "name": name,
            "audienceType": "USERS",
            "definition": {"query": query},
            "options": {"includeHistoricalData": False},
        }
        made = self._client.manage("POST", f"/spaces/{self._space}/audiences", body)["audience"]
        connection = {
            "destination": {"id": destination, "type": "destination"},
            "connectionSettings": {"sendTrack": True, "sendIdentify": False},
        }
        self._client.manage("POST", f"/spaces/{self._space}/audiences/{made['id']}/destination-connections", connection)
        return Audience(made["id"], made["key"], name, kind)

    def _live(self, calls: Sequence[shop.Call], audiences: Sequence[Audience]) -> None:
        """Hour by hour: move the clock, send what happened in that hour, let the triggers work it off."""
        failures: list[Exception] = []
        sdk = Segment(
            self._client.stack["write_key"],
            host=self._client.stack["base_url"],
            # The consumer waits this long for a batch to fill; nobody sends between two flushes here.
            upload_interval=0.05,
            on_error=lambda error, batch: failures.append(error),
        )
        with _progress(self._console) as progress:
            task = progress.add_task("", total=len(calls), hour=_hour(0))
            for hour, part in _hours(calls):
                self._client.local("POST", "clock", {"advance_seconds": STEP, "stops": 0})
                for call in part:
                    _send(sdk, call, age=(hour + 1) * STEP - call.at)
                sdk.flush()
                if failures:
                    raise failures[0]
                self._client.local("POST", "drain")
                self._note_sizes(audiences)
                progress.update(task, advance=len(part), hour=_hour(hour + 1))
        sdk.shutdown()
        self._client.local("POST", "clock", {"now": datetime.now(UTC).isoformat()})
        self._note_sizes(audiences)

    def _note_sizes(self, audiences: Sequence[Audience]) -> None:
        listed = self._client.manage("GET", f"/spaces/{self._space}/audiences")["audiences"]
        found = {one["id"]: (one.get("size") or {}).get("count", 0) for one in listed}
        for audience in audiences:
            self._sizes.setdefault(audience.id, []).append(int(found[audience.id]))

    def _show(self, audiences: Sequence[Audience], events: int, figures: dict[str, Any]) -> None:
        received = self._client.local("GET", f"sink/{shop.SINK}")
        messages = [request["body"] for request in received["requests"]]
        entered, exited = _counts(messages)
        self._console.print(self._table(audiences, entered, exited))
        self._console.print("Members, for example:")
        for audience in audiences:
            members = ", ".join(self._members(audience, messages)) or "nobody"
            self._console.print(f"  {audience.name}: {members}", highlight=False, soft_wrap=True)
        self._console.print(
            f"\n{received['received']} deliveries reached the webhook: {entered.total()} Audience Entered, "
            f"{exited.total()} Audience Exited.\n"
        )
        self._console.print(_costs(events, figures), highlight=False, soft_wrap=True)

    def _table(self, audiences: Sequence[Audience], entered: Counter[str], exited: Counter[str]) -> Table:
        table = Table(
            title=f"Two days of a shop with {shop.PEOPLE} visitors",
            title_justify="left",
            box=box.SIMPLE_HEAD,
            pad_edge=False,
        )
        for heading in ("audience", "size over the two days"):
            table.add_column(heading, no_wrap=True)
        for heading in ("most", "now", "in", "out"):
            table.add_column(heading, justify="right")
        for audience in audiences:
            sizes, key = self._sizes[audience.id], audience.key
            numbers = (max(sizes), sizes[-1], entered[key], exited[key])
            table.add_row(f"{audience.name}\n[dim]{audience.kind}[/]", _sparkline(sizes), *map(str, numbers))
        return table

    def _members(self, audience: Audience, messages: Sequence[Any]) -> Iterator[str]:
        """E-mail addresses of people the webhook heard of last, asked back from the Profile API."""
        heard = {m["userId"]: m["event"] for m in messages if m["properties"]["audience_key"] == audience.key}
        inside = [user_id for user_id, event in heard.items() if event == "Audience Entered"]
        for user_id in inside[-SHOWN:]:
            traits = self._client.profile(f"user_id:{user_id}", f"traits?include=email,{audience.key}")["traits"]
            if traits.get(audience.key) is True:
                yield traits["email"]


def _send(sdk: Any, call: shop.Call, age: float) -> None:
    """`age` is how long ago it happened, in seconds: the server corrects the difference of the clocks."""
    who = {"user_id": call.user_id, "anonymous_id": call.anonymous_id}
    when = datetime.now(UTC) - timedelta(seconds=age)
    if call.kind == "identify":
        sdk.identify(traits=dict(call.content), timestamp=when, **who)
    elif call.kind == "page":
        sdk.page(name=call.name, properties=dict(call.content), timestamp=when, **who)
    else:
        sdk.track(event=call.name, properties=dict(call.content), timestamp=when, **who)


def _hours(calls: Sequence[shop.Call]) -> Iterator[tuple[int, list[shop.Call]]]:
    by_hour: dict[int, list[shop.Call]] = {}
    for call in calls:
        by_hour.setdefault(int(call.at // STEP), []).append(call)
    for hour in range(shop.HOURS):
        yield hour, by_hour.get(hour, [])


def _hour(hour: int) -> str:
    return f"day {hour // 24 + 1}, {hour % 24:02d}:00" if hour < shop.HOURS else "two days are over"


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.fields[hour]:>17}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("events"),
        TimeElapsedColumn(),
        console=console,
    )


def _sparkline(sizes: Sequence[int]) -> str:
    """A block for every other hour, so that it fits beside the rest on 80 columns."""
    top = max(*sizes, 1)
    return "".join(BLOCKS[-(-size * (len(BLOCKS) - 1) // top)] for size in sizes[1::2])


def _counts(messages: Sequence[Any]) -> tuple[Counter[str], Counter[str]]:
    """Audience keys of the entries and of the exits."""
    keys = {
        event: Counter(m["properties"]["audience_key"] for m in messages if m["event"] == event)
        for event in ("Audience Entered", "Audience Exited")
    }
    return keys["Audience Entered"], keys["Audience Exited"]


def _costs(events: int, figures: dict[str, Any]) -> str:
    services: Counter[str] = Counter()
    for operation, count in figures["requests"]["product"].items():
        services[operation.partition(".")[0]] += count
    requests = ", ".join(f"{count / events:.2f} {service}" for service, count in services.most_common())
    return (
        f"{events:,} events in {figures['seconds']:.0f} s. One event cost {services.total() / events:.2f} AWS requests "
        f"({requests}),\n{figures['write_units'] / events:.2f} write units, {figures['read_units'] / events:.2f} read "
        f"units and {1_000 * figures['cpu_seconds'] / events:.1f} ms of own CPU; ticks, deliveries and the sizes above "
        "included.\n"
    )


def main(stack_file: str) -> int:
    console = Console()
    try:
        Demo(Client.of_file(Path(stack_file)), console).run()
    except KeyboardInterrupt:
        return 130
    except (Refused, HTTPError) as error:
        console.print(f"[red]The demo could not go on:[/] {error}", highlight=False)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
