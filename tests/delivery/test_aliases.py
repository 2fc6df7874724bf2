"""Partners that have to be told when two ids become one person."""

import pytest

from chalicelib.profiles.profile import Merge, News

from .test_emit import TRACK, Stage, shown
from .world import A1, A2, E1, NOW, U1, audience, change, connection, head, trait, webhook

U2, U3 = ("user_id", "u2"), ("user_id", "u3")


def took_in(taken, added=0):
    """The head of a survivor that has just taken somebody in; the last `added` identifiers came with the event."""
    taken.merges.append(Merge("p2", NOW, "m", "src", []))
    taken.news = News(added=added)
    return taken


def stage(**settings):
    vip = audience()
    return Stage([vip], [connection(vip, **{**TRACK, "sendAlias": True, **settings})])


def told(deliveries):
    return [
        (d.payload["type"], d.payload.get("previousId") or d.payload.get("event"), d.payload["userId"])
        for d in deliveries
    ]


def test_the_alias_comes_before_the_rows_of_the_same_merge():
    made = stage().emit(change(head(U1, vip=True), took_in(head(U1, U2, vip=True))))
    assert told(made) == [("alias", "u2", "u1"), ("track", "Audience Entered", "u2")]
    alias = made[0].payload
    assert alias["integrations"] == {"All": False, "Webhook": True}
    assert alias["context"]["personas"]["space_id"].startswith("spa_")
    assert not made[0].is_state


def test_without_the_switch_there_is_none():
    made = stage(sendAlias=False).emit(change(head(U1, vip=True), took_in(head(U1, U2, vip=True))))
    assert told(made) == [("track", "Audience Entered", "u2")]


def test_one_for_each_user_id_that_was_lost():
    made = stage().emit(change(head(U1), took_in(head(U1, A1, U2, U3))))
    assert told(made) == [("alias", "u2", "u1"), ("alias", "u3", "u1")]


def test_of_somebody_without_a_user_id_one_for_each_anonymous_id():
    made = stage().emit(change(head(U1), took_in(head(U1, A1, A2, E1))))
    assert told(made) == [("alias", "a1", "u1"), ("alias", "a2", "u1")]


def test_what_the_joining_event_itself_brought_was_nobody_before():
    made = stage().emit(change(head(U1), took_in(head(U1, A1, A2), added=1)))
    assert told(made) == [("alias", "a1", "u1")]


@pytest.mark.parametrize("before", [head(A1), head(E1)])
def test_a_survivor_without_a_user_id_has_no_name_for_both(before):
    after = [(e.type, e.value) for e in before.external_ids]
    assert stage().emit(change(before, took_in(head(*after, U2)))) == []


def test_a_destination_hears_it_once_whatever_else_it_hears():
    vip, ltv = audience(), trait()
    wired = [connection(one, to, sendAlias=True) for one in (vip, ltv) for to in ("d1", "d2")]
    both = Stage([vip, ltv], wired, [webhook(), webhook("d2")])
    made = both.emit(change(head(U1), took_in(head(U1, U2))))
    assert sorted(d.destination_id for d in made) == ["d1", "d2"]
    assert len({d.message_id for d in made}) == 2


def test_told_again_it_has_the_same_id():
    merged = change(head(U1), took_in(head(U1, U2)))
    one = stage()
    assert [d.message_id for d in one.emit(merged)] == [d.message_id for d in one.emit(merged)] != []


def test_identifiers_alone_are_no_merge():
    assert shown(stage().emit(change(head(U1), head(U1, U2)))) == []
