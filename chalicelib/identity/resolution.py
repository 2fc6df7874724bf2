"""Which profile an event belongs to, given who owns its identifiers, and what is left out to protect people from
being taken for each other.

An event whose identifiers lead to several profiles joins them, unless the person that would result breaks a limit.
Then the least trusted identifier of the event is put aside for this event, whichever type is in excess, and the rest
is looked at afresh. A single identifier never breaks a limit: it is known and adds nothing, or it is new.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from .external_id import Identifier
from .rulebook import Rulebook
from .rules import MOST_BYTES

# Reasons for which an identifier is put aside.
VALUES = "values"  # of a type, ever
VALUES_IN_TIME = "values in time"
MERGES = "merges"
MAPPINGS = "mappings"

# Places of profiles in the order of survival: one with a past never goes into one without.
STORED, CLAIMED, NEW = 0, 1, 2


class Person:
    """What decides about a profile: its identifiers with the time each was added (epoch ms), its age and its merges.

    `age` sorts the survivor of a merge first: (STORED, CLAIMED or NEW, created at or number, profile id). It does not
    change as long as the profile lives. `merges` counts the ids that lead to it. `size` is what its identifiers take,
    in bytes, asked for only when it matters.
    """

    __slots__ = ("age", "held", "merges", "size")

    def __init__(
        self,
        age: tuple[int, int, str],
        held: dict[Identifier, int] | None = None,
        merges: int = 0,
        size: Callable[[], int] = lambda: 0,
    ) -> None:
        self.age, self.merges, self.size = age, merges, size
        self.held = {} if held is None else held

    @property
    def is_somebody(self) -> bool:
        """Not a mere id under which somebody meant to store a profile."""
        return bool(self.held) or self.age[0] != CLAIMED

    @property
    def weight(self) -> int:
        """How many ids would lead elsewhere after it was merged away: one nobody ever stored leaves none behind."""
        return self.merges + (self.age[0] == STORED)


class Violation(NamedTuple):
    """`identifier` was put aside for `reason`; `in_excess` is the type that had too many values, if that was it."""

    identifier: Identifier
    reason: str
    in_excess: str | None


class Resolution(NamedTuple):
    """`owner` is None when a new profile is to be made. `joined` are the profiles that go into the owner. `kept` are
    the identifiers that count for this event, `fresh` those of them that the owner does not have yet.

    `blocked_by`: an identifier leads to this profile, which does not have it yet and may never get it. Nobody may be
    taken for somebody on hearsay: nothing can be decided before that is settled.
    """

    owner: str | None
    joined: Sequence[str]
    kept: Sequence[Identifier]
    fresh: Sequence[Identifier]
    violations: Sequence[Violation]
    blocked_by: str | None = None


class Fault(NamedTuple):
    reason: str
    in_excess: str | None = None


def resolve(
    identifiers: Sequence[Identifier],
    owners: Mapping[Identifier, str],
    people: Mapping[str, Person],
    book: Rulebook,
    at: int,
) -> Resolution:
    """`owners` says which profile an identifier leads to, `people` describes these profiles; an identifier may lead to
    a profile that does not have it yet. `at` is the time of the event (epoch ms)."""
    kept = list(identifiers)
    violations: list[Violation] = []
    while True:
        led_to = list(dict.fromkeys(owners[i] for i in kept if i in owners))
        group = [p for p in led_to if people[p].is_somebody]
        members = [people[p] for p in group]
        hearsay = [p for p in group if not _is_known_by(kept, people[p])]
        if hearsay:
            return Resolution(None, (), (), (), violations, blocked_by=hearsay[0])
        fresh = [i for i in kept if not any(i in person.held for person in members)]
        fault = excess(members, fresh, book, at)
        if fault is None:
            break
        least = _least_trusted(kept, owners, book)
        kept.remove(least)
        violations.append(Violation(least, *fault))
    led_to.sort(key=lambda p: people[p].age)
    room = book.rules.mappings_limit - sum(len(person.held) for person in members)
    if len(fresh) > room:
        left_out, fresh = fresh[max(room, 0) :], fresh[: max(room, 0)]
        kept = [i for i in kept if i not in left_out]
        violations += [Violation(i, MAPPINGS, None) for i in left_out]
    return Resolution(led_to[0] if led_to else None, led_to[1:], kept, fresh, violations)


def excess(members: Sequence[Person], fresh: Sequence[Identifier], book: Rulebook, at: int) -> Fault | None:
    """Why these profiles, with these identifiers added, cannot be one person. Who neither gains an identifier nor is
    joined is fine, whatever the rules became meanwhile."""
    if len(members) < 2 and not fresh:
        return None
    if len(members) > 1:
        fault = _excess_of_system(members, fresh, book)
        if fault is not None:
            return fault
    types = {i.type for i in fresh}
    if len(members) > 1:
        types.update(i.type for person in members for i in person.held)
    for type in sorted(types, key=book.rank):
        ruling = book.of(type)
        since = None if ruling.window is None else at - ruling.window
        count = sum(1 for i in fresh if i.type == type)
        for person in members:
            count += sum(1 for i, added in person.held.items() if i.type == type and (since is None or added > since))
        if count > ruling.limit:
            return Fault(VALUES if since is None else VALUES_IN_TIME, type)
    return None


def _excess_of_system(members: Sequence[Person], fresh: Sequence[Identifier], book: Rulebook) -> Fault | None:
    survivor = min(members, key=lambda person: person.age)
    merges = survivor.merges + sum(person.weight for person in members if person is not survivor)
    if merges > book.rules.merges_limit:
        return Fault(MERGES)
    if sum(len(person.held) for person in members) + len(fresh) > book.rules.mappings_limit:
        return Fault(MAPPINGS)
    return Fault(MAPPINGS) if sum(person.size() for person in members) > MOST_BYTES else None


def _is_known_by(identifiers: Sequence[Identifier], person: Person) -> bool:
    return any(i in person.held for i in identifiers)


def _least_trusted(kept: Sequence[Identifier], owners: Mapping[Identifier, str], book: Rulebook) -> Identifier:
    """Among several values of the least trusted type an unowned one goes first, then the one extracted last."""
    worst = max(book.trust(i) for i in kept)
    candidates = [i for i in kept if book.trust(i) == worst]
    return next((i for i in reversed(candidates) if i not in owners), candidates[-1])
