"""A run that is killed before or after each call to the outside, and goes on in another process."""

from typing import Any

import pytest

from chalicelib.clock import HOUR
from tests.pipeline.shop import audience, track
from tests.profile_api.crashing import Fate, Killed

from .firm import Firm, group, of_accounts, trait_of_accounts


def firm() -> Firm:
    """One run lies behind it; at the next one g1 leaves, g2 enters, g3 stays and g4 is still out."""
    made = Firm(
        [
            of_accounts("big", "trait('seats') > 10"),
            trait_of_accounts("logins", "event('Logged In').within(2 hours).count()"),
            audience("follow", "trait('big') = 'true'"),
        ]
    )
    seats = {"g1": 20, "g2": 2, "g3": 20, "g4": 2}
    made.send(*[group(f"{name}-{n}", name, traits={"seats": seats[name]}) for name in seats for n in range(2)])
    made.send(group("both", "g1"), group("both", "g3"), track("Logged In", "both"), track("Logged In", "g1-0"))
    made.run("big"), made.run("logins")
    made.clock.advance(HOUR)
    made.send(group("g1-0", "g1", traits={"seats": 2}), group("g2-0", "g2", traits={"seats": 20}))
    made.send(track("Logged In", "g2-0"))
    made.clock.advance(HOUR + 1)
    return made


def state(made: Firm) -> Any:
    profiles = made.profiles.load(made.profiles.keys())
    return {key: (one.version, one.head.outcomes, one.head.via) for key, one in profiles.items()}


def survive(made: Firm, key: str, fate: Fate) -> tuple[tuple[int, int], int]:
    """What a run that is killed once came to, and how many calls it made."""
    task, runs, ended = made.task(key), made.runs(fate.befall), None
    while task.current_step is not None:
        try:
            task = made.work_on(task, runs)
        except Killed:
            runs, ended = made.runs(), True
    assert ended or fate.calls
    return made.changes.of[task.task_id], fate.calls


@pytest.mark.parametrize(("key", "expected"), [("big", (1, 1)), ("logins", (3, 0))])
def test_nothing_is_lost_or_done_twice(key: str, expected: tuple[int, int]) -> None:
    undisturbed = firm()
    result, calls = survive(undisturbed, key, Fate())
    assert result == expected
    for at in range(1, calls + 1):
        for after in (False, True):
            made = firm()
            assert survive(made, key, Fate(at, after=after))[0] == expected, (at, after)
            assert state(made) == state(undisturbed), (at, after)
    print(f"\n{2 * calls} deaths of a run of {key}")
