"""Live traffic in the middle of a run, before each of its calls to the outside."""

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.clock import HOUR
from tests.pipeline.shop import audience, identify, track

from .firm import Firm, group, of_accounts

CRM = {"externalIds": [{"id": "c1", "type": "crm", "collection": "accounts", "encoding": "none"}]}
NAMES = ("ada", "bob", "cleo")


class Interrupted:
    """Ports; right before the call with this number something else happens."""

    def __init__(self, at: int, act: Callable[[], None]) -> None:
        self._at, self._act, self.calls = at, act, 0

    def befall(self, port: Any) -> Any:
        return _Port(port, self)

    def meet(self) -> None:
        self.calls += 1
        if self.calls == self._at:
            self._act()


class _Port:
    def __init__(self, port: Any, interrupted: Interrupted) -> None:
        self._port, self._interrupted = port, interrupted

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)

        def call(*args: Any, **more: Any) -> Any:
            self._interrupted.meet()
            return method(*args, **more)

        return call


def firm() -> Firm:
    made = Firm(
        [
            of_accounts("big", "trait('seats') > 10 AND ANY event('Paid').count() >= 1"),
            audience("follow", "trait('big') = 'true'"),
            audience("payers", "event('Paid').count() >= 1"),
        ]
    )
    made.send(group("ada", "g1", traits={"seats": 20}), group("bob", "g1"), group("cleo", "g2", traits={"seats": 20}))
    made.send(track("Paid", "ada"), track("X", None, anonymousId="a"), group(None, "g2", anonymousId="a"))
    made.clock.advance(HOUR)
    return made


def shrink(made: Firm) -> None:
    made.send(group("bob", "g1", traits={"seats": 2}))


def pay(made: Firm) -> None:
    made.send(track("Paid", "cleo"), track("Paid", "bob"))


def join(made: Firm) -> None:
    made.send(identify("ada", {}, anonymousId="a"))


def unite(made: Firm) -> None:
    made.send(group("ada", "g1", context=CRM), group("cleo", "g2", context=CRM))


def move(made: Firm) -> None:
    made.send(group("bob", "g2"), track("Paid", "bob"))


def define(made: Firm) -> None:
    """A newer catalogue is on the profiles before the run knows it."""
    kept = [item.computation for item in made.directory.catalogue.by_id.values()]
    made.directory.define([*kept, audience("more", "event('Paid').count() >= 2")])
    made.send(track("Paid", "bob"), track("Paid", "bob"), identify("ada", {"x": 1}))


def values(made: Firm) -> Any:
    """Whether somebody who is out was ever in depends on when the run looked."""
    profiles = {name: made.profile(f"user_id:{name}") for name in NAMES}
    profiles |= {name: made.account(name) for name in ("g1", "g2")}
    found = {name: profile.trait_values() for name, profile in profiles.items()}
    return {name: {key: value for key, value in of.items() if value is not False} for name, of in found.items()}


@pytest.mark.parametrize("act", [shrink, pay, join, unite, move, define], ids=lambda act: act.__name__)
def test_the_next_run_finds_everything_right(act: Callable[[Firm], None]) -> None:
    calm = firm()
    calm.run("big")
    calm.clock.advance(HOUR)
    act(calm)
    calm.run("big")
    wanted, at, calls = values(calm), 0, 1
    while at < calls:
        at += 1
        made = firm()
        interrupted = Interrupted(at, lambda: act(made))  # noqa: B023 - it happens within this round
        task, runs = made.task("big"), made.runs(interrupted.befall)
        while task.current_step is not None:
            task = made.work_on(task, runs)
        calls = interrupted.calls
        made.clock.advance(HOUR)
        made.run("big")
        assert values(made) == wanted, at
    print(f"\n{calls} places")
