"""What a change of a profile means for its computations: the difference of two versions, and nothing else."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from ..computations.catalogue import Catalogue, is_audience
from ..computations.computation import Computation
from ..profiles.profile import Head, Merge, Outcome


class Transition(NamedTuple):
    """The value to tell, and since when (epoch ms). `gained`: the value is as before, but the profile has these new
    (type, value) identifiers, and only they are to be told; None when the value itself changed."""

    computation: Computation
    value: Any
    at: int
    gained: frozenset[tuple[str, str]] | None = None

    @property
    def is_exit(self) -> bool:
        return is_audience(self.computation) and self.value is False


def may_matter(old: Head | None, new: Head) -> bool:
    """Whether there is anything to look up: most changes only count events."""
    before = old.outcomes if old else {}
    return new.outcomes != before or (bool(new.outcomes) and bool(gained(old, new))) or bool(_brought(old, new))


def gained(old: Head | None, new: Head) -> frozenset[tuple[str, str]]:
    before = {(e.type, e.value) for e in old.external_ids} if old else set()
    return frozenset((e.type, e.value) for e in new.external_ids) - before


def taken_in(old: Head | None, new: Head) -> list[Merge]:
    """The merges that this change brought, those of profiles that only came along included."""
    known = {merge.profile_id for merge in old.merges} if old and new.merges else set()
    return [merge for merge in new.merges if merge.profile_id not in known]


def _brought(old: Head | None, new: Head) -> frozenset[str]:
    """Keys of what destinations had been told of the profiles that this change took in."""
    return frozenset(key for merge in taken_in(old, new) for key in merge.members)


def transitions(old: Head | None, new: Head, catalogue: Catalogue) -> Iterator[Transition]:
    """Only of live computations that are switched on; in the order in which the profile holds them.

    Who went into the profile while being a member leaves, if the person they are together is none, even if the
    profile itself never was.
    """
    before = old.outcomes if old else {}
    fresh, brought = gained(old, new), _brought(old, new)
    for key in [*{**new.outcomes, **before}, *sorted(brought - new.outcomes.keys() - before.keys())]:
        compiled = catalogue.find(key)
        if compiled is None or not compiled.computation.enabled:
            continue
        transition = _transition(compiled.computation, before.get(key), new.outcomes.get(key), new.updated_at)
        if transition is not None:
            yield transition
        elif is_told(compiled.computation, new.outcomes.get(key)):
            if fresh:
                yield Transition(compiled.computation, new.outcomes[key].value, new.updated_at, fresh)
        elif key in brought:
            yield Transition(compiled.computation, _value(compiled.computation, None), new.updated_at)


def standing(computation: Computation, head: Head) -> Transition:
    """What a profile has come to, whenever that was."""
    outcome = head.outcomes.get(computation.key)
    at = outcome.changed_at if outcome is not None and is_told(computation, outcome) else head.updated_at
    return Transition(computation, _value(computation, outcome), at)


def _transition(computation: Computation, old: Outcome | None, new: Outcome | None, at: int) -> Transition | None:
    before, after = _value(computation, old), _value(computation, new)
    # 1 and true are equal in Python but not for a partner.
    if before == after and isinstance(before, bool) == isinstance(after, bool):
        return None
    return Transition(computation, after, new.changed_at if new else at)


def _value(computation: Computation, outcome: Outcome | None) -> Any:
    """Somebody who never entered an audience is as little a member as somebody who left."""
    if outcome is None or outcome.computation_id != computation.id:
        return False if is_audience(computation) else None
    return outcome.value is True if is_audience(computation) else outcome.value


def is_told(computation: Computation, outcome: Outcome | None) -> bool:
    """Whether destinations hear of it at all: it is a member, or has a value."""
    value = _value(computation, outcome)
    return value is True if is_audience(computation) else value is not None
