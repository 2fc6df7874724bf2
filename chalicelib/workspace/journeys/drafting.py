"""Giving the steps of a draft what stays with them: keys that nobody else ever gets, and ids."""

from collections.abc import Sequence
from typing import NamedTuple

from msgspec.structs import replace

from ...clock import Clock
from ...computations.keys import snake_case
from ...errors import Conflict
from ...ids import Ids
from ...journeys.model import HIDDEN_ENTRY, JOINED_AT, Side, Step, Target
from ..shelf import Reservation
from ..storage import Storage, key_key
from .soundness import LONGEST_NAME, LONGEST_STEP_NAME


def journey_key(journey_name: str, step: Step, side: Side, suffix: str) -> str:
    """`j_o_first_purchase__opened_email_dje83`: at most 255 characters."""
    journey = snake_case(journey_name)[:LONGEST_NAME].strip("_") or "journey"
    meant = snake_case(f"{step.name} {side.name}")[:LONGEST_STEP_NAME].strip("_") or step.type
    return f"j_o_{journey}__{meant}_{suffix}"


class Drafting(NamedTuple):
    storage: Storage
    ids: Ids
    clock: Clock

    def drawn(
        self, space_id: str, journey_name: str, steps: Sequence[Step], before: Sequence[Step], *, new: bool = False
    ) -> list[Step]:
        """The steps with everything they need. A step of the same id and type as one of `before` has its lineage, and
        unless they are of a `new` version, its keys."""
        known = {(step.id, step.type): step for step in before}
        return [self._drawn(space_id, journey_name, step, known.get((step.id, step.type)), new) for step in steps]

    def _drawn(self, space_id: str, journey_name: str, step: Step, before: Step | None, new: bool) -> Step:
        lineage = before.lineage if before else self.ids.ksuid("")
        kept = None if new else before
        matched = _matched(step.sides, kept.sides if kept else ())
        sides = [
            replace(side, key=was.key, computation_id=was.computation_id)
            if was
            else self.fresh(space_id, journey_name, step, side)
            for side, was in zip(step.sides, matched, strict=True)
        ]
        return replace(step, lineage=lineage, sides=sides, targets=self.aimed(step.targets, kept))

    def aimed(self, targets: Sequence[Target], before: Step | None) -> list[Target]:
        """With ids of their connections; a destination has its own as long as the step sends there."""
        ids = {target.destination_id: target.connection_id for target in (before.targets if before else ())}
        return [replace(t, connection_id=ids.get(t.destination_id) or self.ids.ksuid("ii_")) for t in targets]

    def fresh(self, space_id: str, journey_name: str, step: Step, side: Side) -> Side:
        """Under a key that is taken for ever, with the traits that go by it."""
        id = self.ids.ksuid("aud_")
        while True:
            key = journey_key(journey_name, step, side, self.ids.suffix())
            if all(self._take(space_id, key + more, id) for more in ("", HIDDEN_ENTRY, JOINED_AT)):
                return replace(side, key=key, computation_id=id)

    def _take(self, space_id: str, key: str, owner: str) -> bool:
        try:
            self.storage.names.create(key_key(space_id, key), Reservation(owner=owner, at=self.clock.now()))
        except Conflict:
            return False
        return True


def _matched(sides: Sequence[Side], before: Sequence[Side]) -> list[Side | None]:
    """For each side what it was: the one of its name, otherwise the first that is left."""
    left = list(before)
    found: list[Side | None] = []
    for side in sides:
        same = next((was for was in left if was.name == side.name), None)
        found.append(same)
        if same:
            left.remove(same)
    others = iter(left)
    return [was or next(others, None) for was in found]
