"""Computed traits: from creation to deletion."""

import re

import pytest

SPENT = "event('Order Completed').sum(property('revenue'))"


@pytest.fixture
def traits(api):
    return f"{api.space}/computed-traits"


def body(name="Total Spent", query=SPENT, **more):
    return {"name": name, "definition": {"query": query, "type": "USERS"}, **more}


def create(api, traits, *given, **more):
    return api.post(traits, body(*given, **more)).data["computedTrait"]


def test_a_new_computed_trait(api, traits):
    trait = create(api, traits, description="In all")
    assert re.fullmatch(r"tra_[0-9A-Za-z]{27}", trait["id"])
    assert (trait["key"], trait["enabled"], trait["status"]) == ("total_spent", True, "Preparing")
    assert trait["definition"] == {"query": SPENT, "type": "USERS"}
    assert trait["options"] == {"includeHistoricalData": True, "includeAnonymousUsers": False}
    assert trait["description"] == "In all"
    assert trait["createdBy"] == trait["updatedBy"] != ""
    assert trait["spaceId"] == api.founded.space_id
    assert api.get(f"{traits}/{trait['id']}").data["computedTrait"] == {**trait, "status": "Live"}


def test_workers_evaluate_it_for_anonymous_people_only_if_asked(world, api, traits):
    create(api, traits, "Known")
    create(api, traits, "All", options={"includeAnonymousUsers": True})
    found = world.directory.view(api.founded.space_id).catalogue.by_key
    assert "anonymous_id" not in found["known"].computation.external_ids
    assert found["all"].computation.external_ids[-1] == "anonymous_id"


def test_audiences_and_traits_share_their_keys_for_ever(api, traits):
    api.create_audience("Spender")
    trait = create(api, traits, "Spender")
    assert re.fullmatch(r"spender_[0-9a-z]{5}", trait["key"])
    api.delete(f"{traits}/{trait['id']}")
    assert create(api, traits, "Spender")["key"] not in (trait["key"], "spender")


def test_lists_are_of_one_kind_and_ids_too(api, traits):
    audience, trait = api.create_audience(), create(api, traits)
    listed = api.get(traits).data
    assert [t["id"] for t in listed["computedTraits"]] == [trait["id"]]
    assert listed["pagination"]["totalEntries"] == 1
    assert [a["id"] for a in api.get(api.audiences).data["audiences"]] == [audience["id"]]
    assert api.get(f"{traits}/{audience['id']}").status == 404
    assert api.get(f"{api.audiences}/{trait['id']}").status == 404


def test_renaming_and_switching_off(api, traits):
    path = f"{traits}/{create(api, traits)['id']}"
    changed = api.patch(path, {"name": "Spent", "enabled": False}).data["computedTrait"]
    assert (changed["name"], changed["key"], changed["status"]) == ("Spent", "total_spent", "Disabled")
    assert changed["updatedAt"] > changed["createdAt"]
    assert api.patch(path, {}).data["computedTrait"] == changed


@pytest.mark.parametrize(
    ("sent", "fields"),
    [
        ({}, ["name", "definition"]),
        (body(query="event('A').count() >= 1"), ["definition.query"]),
        (body(query="event('A').count("), ["definition.query"]),
        ({"name": "X", "definition": {"query": SPENT, "type": "users"}}, ["definition.type"]),
        (body(options={"includeHistoricalData": 1}), ["options.includeHistoricalData"]),
        (body(options={"includeHistoricalData": False, "backfillDurationDays": 7}), ["options.backfillDurationDays"]),
        (body(name="", enabled="yes"), ["enabled", "name"]),
    ],
)
def test_what_is_refused(api, traits, sent, fields):
    reply = api.post(traits, sent)
    assert reply.status == 422
    assert sorted(reply.fields) == sorted(fields)
    assert api.get(traits).data["computedTraits"] == []


def test_which_events_count(api, traits):
    options = {"includeHistoricalData": True, "backfillDurationDays": 7}
    assert create(api, traits, options=options)["options"] == {**options, "includeAnonymousUsers": False}
    windowed = create(api, traits, "Recent", "event('A').within(1 day).count()")
    assert windowed["options"]["backfillDurationDays"] == 1


def test_editing(world, api, traits):
    path = f"{traits}/{create(api, traits)['id']}"
    other = {"definition": {"query": "event('A').count()", "type": "USERS"}}
    world.runs.held = True
    changed = api.patch(path, other).data["computedTrait"]
    assert (changed["status"], changed["definition"]) == ("Computing", other["definition"])
    assert api.patch(path, {"definition": {"query": "event('B').count()", "type": "USERS"}}).status == 409
    world.runs.let_go()
    assert api.get(path).data["computedTrait"] == {**changed, "status": "Live"}
    assert api.patch(path, {"key": "mine"}).fields == ["key"]
    assert api.patch(path, {"definition": {"query": "event('A').count() > 1", "type": "USERS"}}).fields == [
        "definition.query"
    ]
    of_accounts = {"definition": {"query": "event('A').count()", "type": "ACCOUNTS"}}
    assert api.patch(path, of_accounts).fields == ["definition.type"]
    assert api.patch(path, other).status == 200


def test_deleting_one_that_others_read(api, traits):
    path = f"{traits}/{create(api, traits)['id']}"
    audience = api.create_audience("Big", "trait('total_spent') > 100")
    assert api.delete(path).status == 409
    assert api.delete(f"{api.audiences}/{audience['id']}").data == {"status": "SUCCESS"}
    assert api.delete(path).data == {"status": "SUCCESS"}
    assert api.get(path).status == 404


def test_a_circle_through_a_trait_is_refused(api, traits):
    create(api, traits, "Recent", "event('A').where(trait('keen') = 'true').count()")
    reply = api.post(
        api.audiences,
        {"name": "Keen", "audienceType": "USERS", "definition": {"query": "trait('recent') >= 2"}},
    )
    assert reply.status == 422
    assert reply.errors[0]["data"]["code"] == "cycle"
