"""Every change of a journey killed at every write: what is left is whole, and doing it again succeeds."""

import pytest

from chalicelib.clock import MINUTE
from chalicelib.errors import Conflict, NotFound
from chalicelib.journeys.model import ARCHIVED, DRAFT, LIVE, MOVING, PAUSED
from tests.workspace.crashing import CrashingRecords, Killed

from .carts import EVENTS, Carts, cart, entry, send


class Scene(Carts):
    """A journey in whatever state `prepare` brings it to."""

    def __init__(self, prepare):
        super().__init__()
        self.other = self.destination(EVENTS)
        self.bystander = self.live(name="Bystander").id
        self.id = self.draw().id
        prepare(self)

    def mine(self, services=None):
        return (services or self.workspaces).journeys.get(self.space.id, self.id)

    def status(self):
        return [standing.status for standing in self.mine().versions]

    def check(self, *, settled):
        """Workers know the steps of what moves, whole, and of nothing else. `settled`: and so do its destinations."""
        self.clock.advance(MINUTE)
        known = self.computations()
        expected: dict[str, str] = {}
        sent: dict[str, list[str]] = {}
        for journey in self.journeys.every(self.space.id):
            for standing in journey.versions:
                version = self.journeys.drawn(journey, standing.number).version
                if standing.status not in MOVING:
                    continue
                for step in version.steps:
                    expected |= {side.key: side.computation_id for side in step.sides}
                    if step.targets:
                        sent[step.sides[0].key] = sorted(target.destination_id for target in step.targets)
        assert {key: computation.id for key, computation in known.items()} == expected
        if settled:
            assert {key: sorted(found) for key, found in self.connected().items()} == sent
        links = [(c.computation_id, c.destination_id) for cs in self.view().connections.values() for c in cs]
        assert len(links) == len(set(links))
        assert self.workspaces.audiences.every(self.space.id) == []
        assert self.bystander in {journey.id for journey in self.journeys.every(self.space.id)}


def nothing(scene):
    pass


def published(scene):
    scene.publish(scene.mine())


def renewed(scene):
    published(scene)
    scene.renew(scene.mine())


def draining(scene):
    renewed(scene)
    scene.publish(scene.mine(), previous="pause")


def paused(scene):
    published(scene)
    scene.journeys.pause(scene.mine(), "me")


def redraw(scene, services):
    steps = [entry(next="d"), send(scene.other)]
    services.journeys.update(scene.space, scene.mine(services), None, {"steps": steps}, "me")


def aim(scene, services):
    steps = [*cart(scene.target)["steps"][:-1], send(scene.other)]
    services.journeys.update(scene.space, scene.mine(services), None, {"steps": steps}, "me")


# How it was before, what is done, and how it stands afterwards; None: it is gone.
OPERATIONS = {
    "draw": (nothing, lambda s, w: w.journeys.create(s.space, cart(s.target), "me"), [DRAFT]),
    "redraw": (nothing, redraw, [DRAFT]),
    "publish": (nothing, lambda s, w: s.publish(s.mine(), w), [LIVE]),
    "publish and pause": (renewed, lambda s, w: s.publish(s.mine(), w, previous="pause"), ["draining", LIVE]),
    "publish and archive": (renewed, lambda s, w: s.publish(s.mine(), w, previous="archive"), [ARCHIVED, LIVE]),
    "aim": (published, aim, [LIVE]),
    "pause": (published, lambda s, w: w.journeys.pause(s.mine(w), "me"), [PAUSED]),
    "resume": (paused, lambda s, w: w.journeys.resume(s.mine(w), "me"), [LIVE]),
    "archive": (published, lambda s, w: w.journeys.archive(s.mine(w), None, "me"), [ARCHIVED]),
    "archive the older": (draining, lambda s, w: w.journeys.archive(s.mine(w), 1, "me"), [ARCHIVED, LIVE]),
    "new version": (published, lambda s, w: w.journeys.new_version(s.mine(w), {}, "me"), [LIVE, DRAFT]),
    "clone": (published, lambda s, w: w.journeys.clone(s.space, s.mine(w), None, {}, "me"), [LIVE]),
    "delete": (draining, lambda s, w: w.journeys.delete(s.mine(w)), None),
}


def again(scene, operation, after):
    """The owner who got no answer asks once more: it succeeds, or what is wanted is so already."""
    try:
        operation(scene, scene.workspaces)
    except Conflict:
        assert scene.status() == after
    except NotFound:
        assert after is None


@pytest.mark.parametrize("after_the_write", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_killed_at_every_write(name, after_the_write):
    prepare, operation, after = OPERATIONS[name]
    for calls in range(100):
        scene = Scene(prepare)
        scene.view()
        crashing = CrashingRecords(scene.records, calls, after=after_the_write)
        try:
            operation(scene, scene.services(crashing))
        except Killed:
            scene.check(settled=name != "aim")
            again(scene, operation, after)
        scene.check(settled=True)
        if after is None:
            assert [journey.id for journey in scene.journeys.every(scene.space.id)] == [scene.bystander]
        else:
            assert scene.status() == after
        if not crashing.killed:
            assert calls > 0
            return
    pytest.fail("it never came to its end")


@pytest.mark.parametrize("previous", ["pause", "archive"])
def test_a_publication_that_came_to_nothing_can_be_asked_for_in_another_way(previous):
    """What was made for the one must not stay with the other."""
    other = {"pause": "archive", "archive": "pause"}[previous]
    for calls in range(100):
        scene = Scene(renewed)
        crashing = CrashingRecords(scene.records, calls)
        try:
            scene.publish(scene.mine(), scene.services(crashing), previous=previous)
        except Killed:
            if DRAFT in scene.status():
                redraw(scene, scene.workspaces)
                scene.publish(scene.mine(), previous=other)
                keys = [set(scene.keys_of(scene.mine(), number).values()) for number in (1, 2)]
                assert not keys[0] & keys[1]
        scene.check(settled=True)
        if not crashing.killed:
            return
    pytest.fail("it never came to its end")


def test_what_a_deletion_left_goes_with_the_next_one():
    """Killed right after the record was gone."""
    scene = Scene(published)
    before = {key for key in scene.records._items if key.sort.startswith(("computation#", "connection#", "link#"))}
    crashing = CrashingRecords(scene.records, 1)
    with pytest.raises(Killed):
        scene.services(crashing).journeys.delete(scene.mine())
    assert before <= scene.records._items.keys()
    scene.clock.advance(MINUTE)
    scene.journeys.delete(scene.journeys.get(scene.space.id, scene.bystander))
    left = [key.sort for key in scene.records._items if key.partition == f"space#{scene.space.id}"]
    assert {sort.partition("#")[0] for sort in left} == {"key", "version"}
