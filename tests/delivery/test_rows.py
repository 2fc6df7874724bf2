import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.delivery.rows import Custom, Row, exit_rows, rows

from .world import A1, A2, A3, E1, E2, E3, U1, audience, connection, head

U2 = ("user_id", "u2")
IOS, ANDROID = ("ios.idfa", "i1"), ("android.idfa", "g1")
CRM1, CRM2 = ("crm_id", "c1"), ("crm_id", "c2")


def of(*ids, anonymous=False, make=rows, **wiring):
    computation = audience(anonymous=anonymous)
    return make(head(*ids).external_ids, computation, connection(computation, **wiring))


@pytest.mark.parametrize(
    ("ids", "anonymous", "combined", "single"),
    [
        ([U1], False, 1, 1),
        ([U1, E1], False, 1, 2),
        ([U1, E1, E2, E3], False, 3, 4),
        ([U1, U2, E1, E2], False, 4, 4),
        ([E1, E2], False, 2, 2),
        ([U1, A1, A2, A3], False, 1, 1),
        ([U1, A1, A2, A3], True, 4, 4),
        ([A1, A2], False, 0, 0),
        ([A1, A2], True, 2, 2),
        ([], True, 0, 0),
    ],
)
def test_how_many_rows(ids, anonymous, combined, single):
    assert len(of(*ids, anonymous=anonymous)) == combined
    assert len(of(*ids, anonymous=anonymous, fanout="per_identifier")) == single


def test_emails_multiply_and_anonymous_ids_stand_alone():
    assert of(U1, E1, E2, A1, anonymous=True) == [
        Row("u1", "jo1@ex.io"),
        Row("u1", "jo2@ex.io"),
        Row(anonymous_id="a1"),
    ]


def test_mobile_ids_only_when_switched_on():
    assert of(IOS) == []
    assert of(U1, IOS, ANDROID, sendMobileIds=True) == [Row("u1", mobile=IOS), Row("u1", mobile=ANDROID)]
    assert of(IOS, sendMobileIds=True, id_sync=[("email", "last", None)]) == [Row(mobile=IOS)]


@pytest.mark.parametrize(
    ("strategy", "emails"),
    [("last", ["jo3@ex.io"]), ("first", ["jo1@ex.io"]), ("all", ["jo1@ex.io", "jo2@ex.io", "jo3@ex.io"])],
)
def test_id_sync_selects_by_the_order_of_arrival(strategy, emails):
    sync = [("user_id", "last", None), ("email", strategy, None)]
    assert of(U1, E1, E2, E3, id_sync=sync) == [Row("u1", email) for email in emails]


def test_id_sync_sends_only_what_it_lists():
    assert of(U1, E1, id_sync=[("email", "all", None)]) == [Row(email="jo1@ex.io")]
    assert of(U1, id_sync=[("email", "all", None)]) == []


def test_id_sync_narrows_anonymous_ids_only_when_it_lists_them():
    sync = [("user_id", "last", None)]
    assert len(of(A1, A2, anonymous=True, id_sync=sync)) == 2
    assert of(A1, A2, anonymous=True, id_sync=[*sync, ("anonymous_id", "last", None)]) == [Row(anonymous_id="a2")]


def test_custom_ids_travel_only_when_mapped():
    sync = [("user_id", "last", None), ("crm_id", "all", "customer"), ("loyalty", "last", None)]
    assert of(U1, CRM1) == [Row("u1")]
    assert of(U1, CRM1, CRM2, ("loyalty", "l"), id_sync=sync) == [
        Row("u1", custom=(Custom("crm_id", "c1", "customer"), Custom("loyalty", "l", "loyalty"))),
        Row("u1", custom=(Custom("crm_id", "c2", "customer"), Custom("loyalty", "l", "loyalty"))),
    ]
    assert of(CRM1, id_sync=sync, fanout="per_identifier") == [Row(custom=(Custom("crm_id", "c1", "customer"),))]


def test_exits_ignore_the_strategies_but_keep_the_mapping():
    sync = [("email", "last", None), ("crm_id", "last", "customer")]
    assert of(U1, E1, E2, CRM1, CRM2, make=exit_rows, id_sync=sync) == [
        Row("u1", email, custom=(Custom("crm_id", crm, "customer"),))
        for email in ("jo1@ex.io", "jo2@ex.io")
        for crm in ("c1", "c2")
    ]


types = st.sampled_from(["user_id", "email", "anonymous_id", "ios.idfa", "crm_id"])
identifiers = st.lists(st.tuples(types, st.sampled_from("abc")), unique=True, max_size=8)
syncs = st.lists(st.tuples(types, st.sampled_from(["first", "last", "all"]), st.none()), unique_by=lambda s: s[0])


@given(identifiers, syncs, st.booleans(), st.booleans(), st.sampled_from([None, "per_identifier"]))
def test_rows_are_distinct_never_blank_and_left_by_the_same_doors(ids, sync, anonymous, mobile, fanout):
    wiring = {"anonymous": anonymous, "id_sync": sync, "sendMobileIds": mobile, "fanout": fanout}
    entered, left = of(*ids, **wiring), of(*ids, make=exit_rows, **wiring)
    for found in (entered, left):
        assert len(set(found)) == len(found)
        assert Row() not in found
        assert all(row.holds(frozenset(ids)) for row in found)
    told = {part for row in entered for part in row._identifiers()}
    assert told <= {part for row in left for part in row._identifiers()}
