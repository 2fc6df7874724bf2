"""What a computation says of one account: what its people remember goes into the one evaluator."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from .. import query
from ..computations.catalogue import Compiled, is_audience
from ..profiles.membership import Standing, standing
from ..profiles.profile import Outcome, Profile

_ABSENT: tuple[Any, ...] = (None, [])  # a computed trait with such a value is not there

# Of one person: the states of the streams and the traits that the definition reads.
Known = tuple[dict[str, Any], dict[str, Any]]


class Gathered(NamedTuple):
    """The people of an account, as much of them as it takes. `latest` is when the last one of them was heard of, epoch
    ms; `standings` are by id and only for audiences."""

    people: Sequence[Known]
    standings: dict[str, Standing]
    latest: int


def gather(compiled: Compiled, account: Profile, users: Iterable[Profile]) -> Gathered:
    streams = {stream.key for stream in compiled.plan.streams}
    people: list[Known] = []
    standings: dict[str, Standing] = {}
    latest = 0
    for user in users:
        latest = max(latest, user.head.updated_at)
        traits = user.trait_values()
        people.append(
            (
                {key: user.streams[key] for key in streams & user.streams.keys()},
                {name: traits[name] for name in compiled.plan.traits & traits.keys()},
            )
        )
        if is_audience(compiled.computation):
            standings[user.profile_id] = standing(user, compiled.computation.key, account)
    return Gathered(people, standings, latest)


def value_of(compiled: Compiled, account: Profile, gathered: Gathered, now: int) -> Any:
    """None means: no outcome. An audience has one only after its first entry, a trait only once an event counted.

    What streams let go of as too old depends on the last event they saw, so nobody is asked about an instant before.
    """
    instant = max(now, gathered.latest)
    value = query.evaluate_account(compiled.plan, account.trait_values(), gathered.people, instant).value
    if is_audience(compiled.computation):
        entered = compiled.computation.key in account.head.outcomes
        return bool(value) if value or entered else None
    seen = any(states for states, _ in gathered.people)
    return None if value in _ABSENT or not seen else value


def store(account: Profile, compiled: Compiled, value: Any, now: int) -> bool:
    """The value as the account's outcome; True if it was another one before."""
    computation, outcomes = compiled.computation, account.head.outcomes
    before = outcomes.get(computation.key)
    if value is None:
        return outcomes.pop(computation.key, None) is not None
    if before is not None and before.value == value and type(before.value) is type(value):
        return False
    outcomes[computation.key] = Outcome(value, computation.id, now)
    return True
