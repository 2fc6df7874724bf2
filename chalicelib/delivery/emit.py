"""From changed profiles to the deliver queue: one message per connection, identity row and form.

What is told is written down before it is sent, see `told`: a change that comes again is told again, the same.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from ..clock import Clock
from ..errors import MusterError, Unavailable, place_of
from ..identity.external_id import ACCOUNTS
from ..profiles.change import ProfileChange
from ..profiles.profile import DELETED, Head
from ..workspace.model import Connection
from ..workspace.ports import Directory, SpaceView
from .aliases import Alias, aliases
from .dispatch import Dispatch
from .message import Delivery
from .outlets import Outlet, outlets, rows_now
from .payloads import ALIAS, Origin, alias_payload
from .rows import exit_rows, groups
from .sizes import Sizes
from .snapshots import Snapshots
from .told import CONTESTED, AnyRow, Held, Told, Wanted, mark_of
from .transitions import Transition, may_matter, taken_in, transitions

logger = logging.getLogger(__name__)

ROUNDS = 20  # each lost one is a telling by somebody else


class Chronicle(Protocol):
    """Somebody who writes down what changes of profiles mean."""

    def write(self, changes: Sequence[ProfileChange]) -> set[str]:
        """The `record_id`s of the changes that must come again."""
        ...


Abreast = Callable[[Callable[[Any], Any], Iterable[Any]], list[Any]]


def one_by_one(call: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    return [call(item) for item in items]


class Part(NamedTuple):
    """A transition as one connection is to hear of it."""

    transition: Transition
    outlet: Outlet
    wanted: Wanted
    integrations: Mapping[str, bool]


class Plan(NamedTuple):
    """All that a change is told as. `taken` are the ids of profiles it took in, `known` those of all connections."""

    change: ProfileChange
    parts: Sequence[Part]
    aliases: Sequence[tuple[Outlet, Alias]]
    taken: Sequence[str]
    known: Sequence[str]


class Emitter:
    """`abreast` makes calls side by side and gives their results in order."""

    def __init__(
        self,
        directory: Directory,
        dispatch: Dispatch,
        sizes: Sizes,
        snapshots: Snapshots,
        told: Told,
        clock: Clock,
        chronicles: Sequence[Chronicle] = (),
        abreast: Abreast = one_by_one,
    ) -> None:
        self._chronicles, self._told, self._abreast = chronicles, told, abreast
        self._directory, self._dispatch, self._sizes, self._clock = directory, dispatch, sizes, clock
        self._snapshots = snapshots

    def emit(self, changes: Sequence[ProfileChange]) -> set[str]:
        """The `record_id`s of the changes that are not done and must come again; they then make the same ids."""
        failed = self._sizes.apply(changes) | self._snapshots.land(changes)
        failed = failed.union(*(chronicle.write(changes) for chronicle in self._chronicles))
        views: dict[str, SpaceView] = {}
        for some in _one_per_profile(changes):
            # Whoever comes after a change that has to come again would be told before it.
            behind = {(c.space_id, c.profile_id) for c in changes if c.record_id in failed}
            failed |= {c.record_id for c in some if (c.space_id, c.profile_id) in behind}
            failed |= self._tell([c for c in some if c.record_id not in failed], views)
        return failed

    def _tell(self, changes: Sequence[ProfileChange], views: dict[str, SpaceView]) -> set[str]:
        plans: list[Plan] = []
        failed: set[str] = set()
        for change in changes:
            try:
                plans += self._plan(change, views)
            except Exception as error:
                # Whatever it is, the neighbours of this change must not wait for it.
                logger.warning("Change %s cannot be told: %s", change.record_id, place_of(error))
                failed.add(change.record_id)
        told = {}
        for plan, found in zip(plans, self._abreast(self._settled, self._with_sheets(plans)), strict=True):
            if found is None:
                failed.add(plan.change.record_id)
            else:
                told[plan.change.record_id] = found
        return failed | self._send(told)

    def _send(self, told: Mapping[str, Sequence[Delivery]]) -> set[str]:
        deliveries = [delivery for of_change in told.values() for delivery in of_change]
        if not deliveries:
            return set()
        try:
            self._dispatch.send(deliveries)
        except MusterError as error:
            logger.warning("%d messages were not taken: %s", len(deliveries), type(error).__name__)
            return {record_id for record_id, of_change in told.items() if of_change}
        return set()

    def _plan(self, change: ProfileChange, views: dict[str, SpaceView]) -> list[Plan]:
        """None, if there is nothing to tell. The survivor of a merge speaks for both, from the fold on; a deleted
        person is not spoken of any more."""
        new = change.new
        if new is None or change.merged_into is not None:
            if new is None or change.merged_into == DELETED:
                self._forget(change)
            return []
        taken = [merge.profile_id for merge in taken_in(change.old, new)]
        joined = list(aliases(change.old, new)) if taken else []
        if not joined and not may_matter(change.old, new):
            return []
        if change.space_id not in views:
            views[change.space_id] = self._directory.view(change.space_id)
        view = views[change.space_id]
        parts = [
            part
            for transition in transitions(change.old, new, view.catalogue)
            for part in self._parts(transition, change, bool(taken), view)
        ]
        known = [connection.id for connections in view.connections.values() for connection in connections]
        told = list(self._aliases(joined, view))
        return [Plan(change, parts, told, taken, known)] if parts or told else []

    def _forget(self, change: ProfileChange) -> None:
        heads = [head for head in (change.old, change.new) if head is not None]
        if any(head.outcomes for head in heads):
            ids = {merge.profile_id for head in heads for merge in head.merges}
            self._told.forget(change.space_id, [change.profile_id, *sorted(ids)])

    def _parts(self, transition: Transition, change: ProfileChange, merges: bool, view: SpaceView) -> Iterator[Part]:
        new = change.new or Head()
        found = outlets(self._directory, view, view.connections.get(transition.computation.id, ()))
        integrations = {"All": False} | {outlet.kind.name: True for outlet in found}
        for outlet in found:
            if outlet.tells(transition.computation, new.collection):
                wanted = Wanted(
                    outlet.connection.id,
                    _rows(transition, change.old, new, outlet.connection),
                    mark_of(transition.value),
                    recalls=transition.is_exit,
                    only_news=transition.gained is not None or (merges and transition.value is True),
                )
                yield Part(transition, outlet, wanted, integrations)

    def _aliases(self, joined: Sequence[Alias], view: SpaceView) -> Iterator[tuple[Outlet, Alias]]:
        """Once per destination, however many computations it hears of."""
        heard: set[str] = set()
        for computation_id, connections in view.connections.items() if joined else ():
            compiled = view.catalogue.by_id.get(computation_id)
            if compiled is None or not compiled.computation.enabled:
                continue
            willing = [c for c in connections if c.settings.get("sendAlias", False)]
            for outlet in outlets(self._directory, view, willing):
                if ALIAS in outlet.kind.types and outlet.connection.destination_id not in heard:
                    heard.add(outlet.connection.destination_id)
                    yield from ((outlet, alias) for alias in joined)

    def _with_sheets(self, plans: Sequence[Plan]) -> list[tuple[Plan, Mapping[str, Held]]]:
        """What was told before of all of them, in as few reads as possible. Where that fails, each looks for itself."""
        by_space: dict[str, set[str]] = {}
        for plan in plans:
            by_space.setdefault(plan.change.space_id, set()).update(_speaks_for(plan))
        found: dict[tuple[str, str], Held] = {}
        for space_id, ids in by_space.items():
            try:
                found |= {(space_id, id): held for id, held in self._told.sheets(space_id, sorted(ids)).items()}
            except MusterError as error:
                logger.warning("What was told of %d profiles cannot be read: %s", len(ids), place_of(error))
        return [
            (plan, {id: found[key] for id in _speaks_for(plan) if (key := (plan.change.space_id, id)) in found})
            for plan in plans
        ]

    def _settled(self, planned: tuple[Plan, Mapping[str, Held]]) -> list[Delivery] | None:
        """The messages of a change, once it is written down that they are told; None if that cannot be."""
        plan, sheets = planned
        change = plan.change
        try:
            return self._deliveries(plan, sheets)
        except Exception as error:
            logger.warning("Change %s cannot be told: %s", change.record_id, place_of(error))
            return None

    def _deliveries(self, plan: Plan, sheets: Mapping[str, Held]) -> list[Delivery]:
        change, ids = plan.change, _speaks_for(plan)
        deliveries = [self._alias(plan, outlet, alias) for outlet, alias in plan.aliases]
        if not plan.parts:
            return deliveries
        for _ in range(ROUNDS):
            if len(sheets) < len(ids):
                sheets = self._told.sheets(change.space_id, ids)
            own, *taken = (sheets[id] for id in ids)
            try:
                tellings = self._told.change(own, change.version, [p.wanted for p in plan.parts], taken, plan.known)
            except CONTESTED:
                sheets = {}
                continue
            for part, told in zip(plan.parts, tellings, strict=True):
                origin = Origin(change.space_id, change.profile_id, change.version, part.integrations)
                head = change.new or Head()
                deliveries += part.outlet.messages(part.transition, origin, told, head, self._clock.now())
            return deliveries
        raise Unavailable("what was told of a profile changes all the time")

    def _alias(self, plan: Plan, outlet: Outlet, alias: Alias) -> Delivery:
        change, connection = plan.change, outlet.connection
        origin = Origin(change.space_id, change.profile_id, change.version, {"All": False, outlet.kind.name: True})
        event = alias_payload(alias, origin, connection, self._clock.now())
        return Delivery(
            message_id=event["messageId"],
            connection_id=connection.id,
            computation_id=connection.computation_id,
            space_id=origin.space_id,
            destination_id=connection.destination_id,
            created_at=alias.at,
            payload=event,
        )


def _one_per_profile(changes: Sequence[ProfileChange]) -> list[list[ProfileChange]]:
    """In turns, so that the changes of a profile stay in order; mostly there is one."""
    turns: list[list[ProfileChange]] = []
    seen: dict[tuple[str, str], int] = {}
    for change in changes:
        turn = seen.get((change.space_id, change.profile_id), 0)
        seen[change.space_id, change.profile_id] = turn + 1
        turns += [[]] if turn == len(turns) else []
        turns[turn].append(change)
    return turns


def _speaks_for(plan: Plan) -> list[str]:
    return list(dict.fromkeys([plan.change.profile_id, *plan.taken]))


def _rows(transition: Transition, old: Head | None, new: Head, connection: Connection) -> Sequence[AnyRow]:
    computation, gained = transition.computation, transition.gained
    if transition.is_exit:
        ever = {(e.type, e.value): e for head in (old, new) if head for e in head.external_ids}.values()
        return groups(ever) if new.collection == ACCOUNTS else exit_rows(ever, computation, connection)
    now = rows_now(new, computation, connection)
    return now if gained is None else [row for row in now if row.holds(gained)]
