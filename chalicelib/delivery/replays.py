"""Sending again what went out before, or what was given up, because its owner asks for it.

A replay is a task. It puts copies on the deliver queue, at half the rate of the destination, so that what happens now
keeps its room; the copies have their own place among the groups of the queue and are not counted again. Partners see
the message ids they know. Of whom nobody knows any more, nothing is sent again.
"""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import msgspec
from msgspec.structs import replace

from ..clock import DAY, SECOND, Clock
from ..deadline import Deadline
from ..destinations.kind import DestinationKind, Payload
from ..destinations.registry import KINDS
from ..errors import Invalid, NotFound, Problem
from ..identity.external_id import USERS, Identifier
from ..profiles.ports import Identifiers
from ..profiles.profile import SUPPRESSED
from ..queues import DELIVER, Outgoing, Queues
from ..tasks.kind import Cursor, Done, Kind, Later, StepFailed
from ..tasks.service import Tasks
from ..tasks.task import Step, Task
from ..workspace.body import Body
from ..workspace.model import Destination
from ..workspace.ports import Directory
from .emissions import Emissions
from .integrations import ALL
from .ledger import DeadLetter, Ledger
from .message import COPY, Delivery, encode, group_of
from .pace import NOMINAL, REPLAYED

REPLAY = "delivery_replay"
KEPT = 14 * DAY  # what was made is kept for so long
LETTERS = 100  # in one go
EVERYTHING, FAILED = "all", "failed"
_END = "end"  # no letter's place


class Wish(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What to send again: of what was made in a time, or of the dead letters. `events` None: whatever they are called.
    `code` and `message_id` choose among dead letters."""

    letters: bool = False
    since: int = 0
    until: int = 0
    events: tuple[str, ...] | None = None
    code: str | None = None
    message_id: str | None = None

    def means(self, payload: Payload) -> bool:
        return self.events is None or payload.get("event") in self.events


class Progress(msgspec.Struct, array_like=True):
    """Where it goes on, and how much was sent and left out so far."""

    place: str = ""
    sent: int = 0
    left_out: int = 0


class Replays:
    def __init__(
        self,
        emissions: Emissions,
        ledger: Ledger,
        identifiers: Identifiers,
        queues: Queues,
        directory: Directory,
        clock: Clock,
    ) -> None:
        self._emissions, self._ledger, self._identifiers = emissions, ledger, identifiers
        self._queues, self._directory, self._clock = queues, directory, clock

    def kind(self) -> Kind:
        """One at a time per destination."""
        return Kind(
            REPLAY, {"replay": self._replay}, one_at_a_time=lambda _, destination_id: f"replay#{destination_id}"
        )

    def start(self, tasks: Tasks, destination: Destination, space_id: str, wish: Wish, slot: str) -> Task:
        """The same `slot` makes the same task."""
        input = msgspec.to_builtins(wish)
        return tasks.create(REPLAY, space_id, slot, destination_id=destination.id, input=input)

    def _replay(self, task: Task, step: Step, deadline: Deadline) -> Done | Later | Cursor:
        """One object or page of letters at a time, then it waits until the partner had time for them."""
        wish = msgspec.convert(task.input, Wish)
        progress = msgspec.json.decode(step.cursor, type=Progress) if step.cursor else Progress()
        destination_id = task.destination_id or ""
        kind = self._kind(destination_id)
        mark = blake2b(task.task_id.encode(), digest_size=4).hexdigest()
        sent = 0
        for place, found in self._found(destination_id, wish, progress.place):
            meant = self._wanted([_of(one) for one in found])
            copies = [_copy(delivery, mark, kind.name) for delivery in meant]
            self._queues.send(DELIVER, [Outgoing(encode(copy), group_of(copy)) for copy in copies])
            for one in found:
                if isinstance(one, DeadLetter):
                    self._ledger.remove(one)
            sent += len(copies)
            progress = Progress(place, progress.sent + len(copies), progress.left_out + len(found) - len(copies))
            if sent:
                rate = REPLAYED * (kind.rate or NOMINAL)
                return Later(_text(progress), self._clock.now() + round(sent / rate * SECOND))
            if deadline.remaining() <= 0:
                return Cursor(_text(progress))
        return Done(f"sent {progress.sent}, left out {progress.left_out}")

    def _kind(self, destination_id: str) -> DestinationKind:
        destination = self._directory.destination(destination_id)
        kind = KINDS.get(destination.metadata_id) if destination else None
        if kind is None:
            raise StepFailed("DESTINATION_GONE", "The destination does not exist any more.")
        return kind

    def _found(
        self, destination_id: str, wish: Wish, place: str
    ) -> Iterator[tuple[str, Sequence[Delivery] | Sequence[DeadLetter]]]:
        if wish.letters:
            yield from self._letters(destination_id, wish, place or None)
            return
        for emitted in self._emissions.between(wish.since, wish.until, place):
            made = {d.message_id: d for d in self._emissions.read(emitted) if d.destination_id == destination_id}
            yield emitted.key, [delivery for delivery in made.values() if wish.means(delivery.payload)]

    def _letters(
        self, destination_id: str, wish: Wish, cursor: str | None
    ) -> Iterator[tuple[str, Sequence[DeadLetter]]]:
        while cursor != _END:
            page = self._ledger.letter_page(destination_id, LETTERS, cursor)
            cursor = page.cursor or _END
            yield cursor, [letter for letter in page.letters if _is_meant(letter, wish)]

    def _wanted(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Those whose person is still known by the name that the event calls them."""
        names = [(one, _names(one.payload)) for one in deliveries]
        owners: dict[tuple[str, Identifier], str] = {}
        for space_id in {one.space_id for one in deliveries}:
            asked = {name for one, called in names if one.space_id == space_id for name in called}
            for identifier, owner in self._identifiers.owners(space_id, asked).items():
                owners[space_id, identifier] = owner
        return [
            one for one, called in names if all(owners.get((one.space_id, n), SUPPRESSED) != SUPPRESSED for n in called)
        ]


def wish_of(content: Mapping[str, Any], now: int) -> Wish:
    """What POST /replays takes: `from`, `to`, and as `only` all, failed or names of events. Raises Invalid."""
    body = Body(content)
    since, until = body.instant("from"), body.instant("to")
    chosen = body.anything("only")
    events: tuple[str, ...] | None = None
    if isinstance(chosen, list) and chosen and all(isinstance(name, str) for name in chosen):
        events = tuple(chosen)
    elif chosen not in (None, EVERYTHING, FAILED):
        body.reject("only", '"only" must be all, failed or a list of event names')
    for name, instant in (("from", since), ("to", until)):
        if instant is None and not any(problem.field == name for problem in body.problems):
            body.reject(name, f'"{name}" is required')
    if since is not None and until is not None and since >= until:
        body.reject("to", '"to" must be later than "from"')
    if since is not None and since < now - KEPT:
        body.reject("from", '"from" must be at most 14 days ago: what is older is not kept')
    body.done()
    return Wish(letters=chosen == FAILED, since=since or 0, until=min(until or 0, now + 1), events=events)


def redrive_of(content: Mapping[str, Any], ledger: Ledger, destination_id: str) -> Wish:
    """What POST /dead-letters/redrive takes: a `messageId`, a `code`, or `all`: true. Raises Invalid and NotFound."""
    body = Body(content)
    message_id, code, all_of_them = body.text("messageId"), body.text("code"), body.flag("all")
    if sum((message_id is not None, code is not None, all_of_them is True)) != 1 and not body.problems:
        raise Invalid(Problem('give one of "messageId", "code" and "all": true', "messageId"))
    body.done()
    if message_id is not None and not any(one.message_id == message_id for one in ledger.every_letter(destination_id)):
        raise NotFound("there is no dead letter with this message id")
    return Wish(letters=True, code=code, message_id=message_id)


def _is_meant(letter: DeadLetter, wish: Wish) -> bool:
    if wish.until and not wish.since <= letter.failed_at < wish.until:
        return False
    if wish.code is not None and letter.code != wish.code:
        return False
    return wish.message_id in (None, letter.message_id)


def _of(found: Delivery | DeadLetter) -> Delivery:
    if isinstance(found, Delivery):
        return found
    fields = {name: getattr(found, name) for name in Delivery.__struct_fields__}
    return Delivery(**fields)


def _copy(delivery: Delivery, mark: str, name: str) -> Delivery:
    """Under an id of its own, or what is remembered of the original would hold it up; the partner sees the old one."""
    id = delivery.message_id.partition(COPY)[0] + COPY + mark
    payload = {**delivery.payload, "integrations": {ALL: False, name: True}}
    return replace(delivery, message_id=id, payload=payload, replayed=True)


def _names(payload: Payload) -> list[Identifier]:
    """What the person is called first in an event; only that: other names may have been taken off them since."""
    traits = payload.get("traits") or (payload.get("context") or {}).get("traits") or {}
    names = (
        ("user_id", payload.get("userId")),
        ("anonymous_id", payload.get("anonymousId")),
        ("email", traits.get("email")),
    )
    found = [Identifier(USERS, type, value) for type, value in names if isinstance(value, str) and value]
    return found[:1]


def _text(progress: Progress) -> str:
    return msgspec.json.encode(progress).decode()
