"""Audiences: from creation to deletion."""

import re

import pytest

from .api import BOUGHT

DEFAULT_IDS = ["user_id", "email", "android.idfa", "ios.idfa"]


def body(**more):
    return {"name": "Big Buyers", "audienceType": "USERS", "definition": {"query": BOUGHT}, **more}


def test_a_new_audience(world, api):
    audience = api.create_audience()
    assert audience["key"] == "big_buyers"
    assert audience["enabled"] is True
    assert audience["spaceId"] == api.founded.space_id
    assert audience["definition"] == {"query": BOUGHT}
    assert re.fullmatch(r"aud_[0-9A-Za-z]{27}", audience["id"])
    assert audience["createdBy"]
    assert audience["createdBy"] == audience["updatedBy"]
    assert audience["createdAt"] == audience["updatedAt"] == "2026-03-01T12:00:00.000Z"
    assert audience["status"] == "Preparing"
    assert api.get(f"{api.audiences}/{audience['id']}").data["audience"]["status"] == "Live"
    assert "description" not in audience
    assert "computeCadence" not in audience


def test_the_workers_know_it_at_once(world, api):
    before = world.directory.view(api.founded.space_id)
    audience = api.create_audience(options={"filterByExternalIds": ["email"]})
    view = world.directory.view(api.founded.space_id)
    assert view.version > before.version
    computation = view.catalogue.by_key["big_buyers"].computation
    assert (computation.id, computation.external_ids) == (audience["id"], ["email"])


def test_reading_it(api):
    created = api.create_audience(description="All of them")
    shown = api.get(f"{api.audiences}/{created['id']}").data["audience"]
    assert {name: shown[name] for name in created} == {**created, "status": "Live"}
    assert shown["computeCadence"] == {"type": "REALTIME"}
    assert shown["options"] == {"includeHistoricalData": True, "filterByExternalIds": DEFAULT_IDS}
    assert shown["description"] == "All of them"
    assert "schedules" not in shown
    assert api.get(f"{api.audiences}/{created['id']}", include="schedules").data["audience"]["schedules"] == []
    assert api.get(api.audiences, include="schedules").data["audiences"][0]["schedules"] == []


def test_its_size_is_the_number_of_members(world, api):
    created = api.create_audience()
    path = f"{api.audiences}/{created['id']}"
    assert api.get(path).data["audience"]["size"] == {"type": "USERS", "count": 0, "uniqueCount": 0}
    world.counted.sizes[created["id"]] = 7
    assert api.get(path).data["audience"]["size"] == {"type": "USERS", "count": 7, "uniqueCount": 7}
    assert api.get(api.audiences).data["audiences"][0]["size"]["count"] == 7


def test_equal_names_get_different_keys(api):
    first, second = api.create_audience(), api.create_audience()
    assert first["id"] != second["id"]
    assert re.fullmatch(r"big_buyers_[0-9a-z]{5}", second["key"])


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Käufer & Co.", "kaufer_co"),
        ("  x  ", "x"),
        ("買い物", "audience"),
        ("!!!", "audience"),
        ("2026 VIPs", "2026_vips"),
    ],
)
def test_keys_of_unusual_names(api, name, key):
    created = api.create_audience(name)
    assert (created["key"], created["name"]) == (key, name)


def test_the_longest_name_leaves_room_for_a_suffix(api):
    first, second = (api.create_audience("n" * 255)["key"] for _ in range(2))
    assert first == "n" * 255
    assert re.fullmatch(r"n{249}_[0-9a-z]{5}", second)


class TestRefusals:
    def refused(self, api, sent, *fields):
        reply = api.post(api.audiences, sent)
        assert reply.status == 422, reply.body
        assert {error["type"] for error in reply.errors} == {"input-validation"}
        assert sorted(reply.fields) == sorted(fields)
        assert api.get(api.audiences).data["audiences"] == []
        return reply.errors

    def test_a_query_that_cannot_be_read_is_shown_with_the_place(self, api):
        error = self.refused(api, body(definition={"query": "event('x'"}), "definition.query")[0]
        assert error["data"] == {"code": "syntax_error", "offset": 9, "line": 1, "column": 10}
        assert "line 1, column 10" in error["message"]

    @pytest.mark.parametrize("query", ["event('x').count()", "ANY event('x').count() >= 1"])
    def test_a_query_of_another_kind(self, api, query):
        error = self.refused(api, body(definition={"query": query}), "definition.query")[0]
        assert error["data"]["code"] in ("type_error", "scope_error")

    def test_all_problems_at_once(self, api):
        self.refused(api, {"audienceType": "USERS"}, "definition", "name")
        errors = self.refused(api, {"definition": {}}, "audienceType", "definition.query", "name")
        assert '"name" is required' in [error["message"] for error in errors]
        self.refused(
            api,
            body(
                name=1,
                definition={"query": "nope("},
                enabled="yes",
                description=[],
                options={"includeHistoricalData": 1},
            ),
            "definition.query",
            "description",
            "enabled",
            "name",
            "options.includeHistoricalData",
        )

    @pytest.mark.parametrize("name", ["", "   ", "x" * 256, None])
    def test_names(self, api, name):
        self.refused(api, body(name=name), "name")

    @pytest.mark.parametrize("type", ["users", "PEOPLE", 1])
    def test_types(self, api, type):
        self.refused(api, body(audienceType=type), "audienceType")

    @pytest.mark.parametrize("definition", ["event('x').count() >= 1", [], 1])
    def test_a_definition_that_is_no_object(self, api, definition):
        self.refused(api, body(definition=definition), "definition")

    def test_a_target_other_than_the_profile(self, api):
        self.refused(api, body(definition={"query": BOUGHT, "targetEntity": "order"}), "definition.targetEntity")

    @pytest.mark.parametrize(
        ("options", "field"),
        [
            ({"includeHistoricalData": "yes"}, "includeHistoricalData"),
            ({"includeHistoricalData": False, "backfillEventDataDays": 7}, "backfillEventDataDays"),
            ({"backfillEventDataDays": 0}, "backfillEventDataDays"),
            ({"backfillEventDataDays": 1.5}, "backfillEventDataDays"),
            ({"filterByExternalIds": "email"}, "filterByExternalIds"),
            ({"filterByExternalIds": [1]}, "filterByExternalIds"),
            ({"filterByExternalIds": []}, "filterByExternalIds"),
            ({"filterByExternalIds": [""]}, "filterByExternalIds"),
        ],
    )
    def test_options(self, api, options, field):
        self.refused(api, body(options=options), f"options.{field}")


DAYS = "event('A').within({}).count() >= 1"
FUNNEL = "event('A').where(event('B').within(parent: 2 hours).count() >= 1).within(9 days).count() >= 1"


@pytest.mark.parametrize(
    ("query", "options", "shown"),
    [
        (BOUGHT, {}, {"includeHistoricalData": True}),
        (BOUGHT, {"includeHistoricalData": False}, {"includeHistoricalData": False}),
        (BOUGHT, {"backfillEventDataDays": 7}, {"includeHistoricalData": True, "backfillEventDataDays": 7}),
        (DAYS.format("30 days"), {}, {"includeHistoricalData": True, "backfillEventDataDays": 30}),
        (DAYS.format("36 hours"), {}, {"includeHistoricalData": True, "backfillEventDataDays": 2}),
        (DAYS.format("30 days"), {"includeHistoricalData": False}, {"includeHistoricalData": False}),
        (
            DAYS.format("30 days"),
            {"backfillEventDataDays": 7},
            {"includeHistoricalData": True, "backfillEventDataDays": 7},
        ),
        (f"{DAYS.format('30 days')} AND {BOUGHT}", {}, {"includeHistoricalData": True}),
        ("trait('plan') = 'pro'", {}, {"includeHistoricalData": True}),
    ],
)
def test_which_events_count(world, api, query, options, shown):
    created = api.create_audience(query=query, options=options)
    expected = {"filterByExternalIds": DEFAULT_IDS, **shown}
    assert created["options"] == expected
    path = f"{api.audiences}/{created['id']}"
    assert api.get(path).data["audience"]["options"] == expected
    assert api.patch(path, {"name": "Other", "options": shown}).data["audience"]["options"] == expected


@pytest.mark.parametrize(
    "more",
    [
        {"options": {}},
        {"options": None, "description": None, "enabled": None},
        {"options": {"includeHistoricalData": True, "filterByExternalIds": None, "what": 1}},
        {"definition": {"query": BOUGHT, "targetEntity": None}},
        {"definition": {"query": BOUGHT, "targetEntity": "profile"}},
        {"key": "mine", "what": 1},
    ],
)
def test_what_is_absent_null_or_unknown_changes_nothing(api, more):
    created = api.create_audience(**more)
    assert created["key"] == "big_buyers"
    assert created["options"] == {"includeHistoricalData": True, "filterByExternalIds": DEFAULT_IDS}
    assert created["enabled"] is True


def test_anonymous_profiles_can_be_included(api):
    created = api.create_audience(options={"filterByExternalIds": [*DEFAULT_IDS, "anonymous_id", "email"]})
    shown = api.get(f"{api.audiences}/{created['id']}").data["audience"]
    assert shown["options"]["filterByExternalIds"] == [*DEFAULT_IDS, "anonymous_id"]


def test_one_created_switched_off(world, api):
    created = api.create_audience(enabled=False)
    assert (created["enabled"], created["status"]) == (False, "Disabled")
    view = world.directory.view(api.founded.space_id)
    assert view.catalogue.by_id[created["id"]].computation.enabled is False


class TestUpdates:
    def test_renaming_keeps_the_key(self, world, api):
        created = api.create_audience()
        world.clock.advance(1_000)
        changed = api.patch(f"{api.audiences}/{created['id']}", {"name": "Renamed"}).data["audience"]
        assert changed == {
            **created,
            "name": "Renamed",
            "status": "Live",
            "updatedAt": "2026-03-01T12:00:01.000Z",
        }
        assert api.create_audience("Big Buyers")["key"] != created["key"]

    def test_every_change_is_later_than_the_one_before(self, api):
        created = api.create_audience()
        path = f"{api.audiences}/{created['id']}"
        times = [api.patch(path, {"name": name}).data["audience"]["updatedAt"] for name in "ab"]
        assert created["updatedAt"] < times[0] < times[1]

    def test_switching_off_and_on(self, world, api):
        created = api.create_audience()
        path = f"{api.audiences}/{created['id']}"
        versions = [world.directory.view(api.founded.space_id).version]
        for enabled, at_first, then in ((False, "Disabled", "Disabled"), (True, "Backfilling", "Live")):
            assert api.patch(path, {"enabled": enabled}).data["audience"]["status"] == at_first
            shown = api.get(path).data["audience"]
            assert (shown["enabled"], shown["status"]) == (enabled, then)
            view = world.directory.view(api.founded.space_id)
            assert view.catalogue.by_id[created["id"]].computation.enabled is enabled
            versions.append(view.version)
        assert versions == sorted(set(versions))

    def test_nothing_to_change(self, api):
        created = api.create_audience()
        assert api.patch(f"{api.audiences}/{created['id']}", {}).data["audience"] == {**created, "status": "Live"}

    def test_the_same_query_again(self, api):
        created = api.create_audience()
        changed = api.patch(f"{api.audiences}/{created['id']}", {"definition": {"query": BOUGHT}}).data["audience"]
        assert changed["definition"] == created["definition"]

    def test_what_it_was_created_with_again(self, api):
        created = api.create_audience()
        options = {"includeHistoricalData": True, "filterByExternalIds": DEFAULT_IDS[::-1]}
        sent = {"audienceType": "USERS", "key": created["key"], "options": options}
        assert api.patch(f"{api.audiences}/{created['id']}", sent).data["audience"]["options"] == created["options"]

    @pytest.mark.parametrize(
        ("sent", "field", "words"),
        [
            ({"definition": {"query": "event("}}, "definition.query", "column"),
            ({"definition": {}}, "definition.query", "required"),
            (
                {"options": {"filterByExternalIds": [*DEFAULT_IDS, "anonymous_id"]}},
                "options.filterByExternalIds",
                "anonymous id",
            ),
            ({"options": {"filterByExternalIds": []}}, "options.filterByExternalIds", "at least one"),
            ({"options": {"includeHistoricalData": False}}, "options.includeHistoricalData", "never changes"),
            ({"options": {"backfillEventDataDays": 3}}, "options.backfillEventDataDays", "never changes"),
            ({"audienceType": "ACCOUNTS"}, "audienceType", "never changes"),
            ({"key": "other"}, "key", "never changes"),
            ({"name": " "}, "name", "empty"),
            ({"enabled": 1}, "enabled", "true or false"),
        ],
    )
    def test_refused(self, api, sent, field, words):
        created = api.create_audience()
        path = f"{api.audiences}/{created['id']}"
        before = api.get(path).data["audience"]
        reply = api.patch(path, {"description": "new", **sent})
        assert (reply.status, reply.fields) == (422, [field])
        assert words in reply.errors[0]["message"]
        assert api.get(path).data["audience"] == before

    @pytest.mark.parametrize(
        "sent", [{"definition": {"query": FUNNEL}}, {"options": {"filterByExternalIds": ["email"]}}]
    )
    def test_what_it_computes_is_taken_in_and_locked_meanwhile(self, world, api, sent):
        created = api.create_audience(options={"filterByExternalIds": [*DEFAULT_IDS, "anonymous_id"]})
        path = f"{api.audiences}/{created['id']}"
        world.runs.held = True
        changed = api.patch(path, sent).data["audience"]
        assert changed["status"] == "Locked"
        assert changed["definition"] == sent.get("definition", created["definition"])
        assert changed["options"] == created["options"] | sent.get("options", {})
        again = api.patch(path, {"definition": {"query": "event('Else').count() >= 1"}})
        assert (again.status, again.errors[0]["type"]) == (409, "conflict")
        assert api.patch(path, {"options": {"filterByExternalIds": ["user_id"]}}).status == 409
        assert api.patch(path, {"name": "Renamed", **sent}).data["audience"]["status"] == "Locked"
        computation = world.directory.view(api.founded.space_id).catalogue.by_id[created["id"]].computation
        assert (computation.version, computation.query) == (1, BOUGHT)
        world.runs.let_go()
        shown = api.get(path).data["audience"]
        assert (shown["status"], shown["definition"], shown["options"]) == (
            "Live",
            changed["definition"],
            changed["options"],
        )
        computation = world.directory.view(api.founded.space_id).catalogue.by_id[created["id"]].computation
        assert (computation.version, computation.query) == (2, changed["definition"]["query"])
        assert api.patch(path, {"definition": {"query": "event('Else').count() >= 1"}}).status == 200

    def test_what_it_computes_cannot_change_before_it_was_computed_once(self, world, api):
        world.runs.held = True
        path = f"{api.audiences}/{api.create_audience()['id']}"
        assert api.patch(path, {"definition": {"query": FUNNEL}}).status == 409
        assert api.patch(path, {"description": "Soon"}).data["audience"]["status"] == "Preparing"
        assert api.patch(path, {"enabled": False}).data["audience"]["status"] == "Disabled"
        changed = api.patch(path, {"definition": {"query": FUNNEL}}).data["audience"]
        assert (changed["status"], changed["definition"]) == ("Disabled", {"query": FUNNEL})
        assert api.patch(path, {"enabled": True}).data["audience"]["status"] == "Preparing"

    def test_what_was_to_be_taken_in_when_it_was_switched_off_is_when_it_is_on_again(self, world, api):
        path = f"{api.audiences}/{api.create_audience()['id']}"
        world.runs.held = True
        api.patch(path, {"definition": {"query": FUNNEL}})
        assert api.patch(path, {"enabled": False}).data["audience"]["definition"] == {"query": FUNNEL}
        assert not world.directory.view(api.founded.space_id).catalogue.filling
        assert api.patch(path, {"enabled": True}).data["audience"]["status"] == "Locked"
        assert world.directory.view(api.founded.space_id).catalogue.filling
        world.runs.let_go()
        assert api.get(path).data["audience"]["status"] == "Live"

    def test_an_unknown_one(self, api):
        assert api.patch(f"{api.audiences}/aud_nope", {"name": "x"}).status == 404


class TestSearch:
    @pytest.fixture
    def names(self, api):
        api.create_audience("Big Buyers")
        api.create_audience("Not so Big", "event('Cart Viewed').count() >= 1")

        def search(type, query):
            reply = api.get(api.audiences, search={"type": type, "query": query})
            assert reply.data["pagination"]["totalEntries"] == len(reply.data["audiences"])
            return [audience["name"] for audience in reply.data["audiences"]]

        return search

    def test_keys_by_their_beginning(self, names):
        assert names("KEY", "big") == ["Big Buyers"]
        assert names("KEY", "BIG") == ["Big Buyers"]
        assert names("KEY", "buyers") == []

    def test_names_by_any_part(self, names):
        assert names("NAME", "big") == ["Big Buyers", "Not so Big"]
        assert names("NAME", "uyer") == ["Big Buyers"]

    def test_definitions_by_any_part(self, names):
        assert names("DEFINITION", "order completed") == ["Big Buyers"]
        assert names("DEFINITION", "count()") == ["Big Buyers", "Not so Big"]

    @pytest.mark.parametrize(
        ("search", "fields"),
        [
            ({"type": "OWNER", "query": "x"}, ["search.type"]),
            ({"type": "NAME"}, ["search.query"]),
            ({"query": "x" * 256}, ["search.query", "search.type"]),
            ({}, ["search.query", "search.type"]),
        ],
    )
    def test_wrong_searches(self, api, search, fields):
        reply = api.get(api.audiences, search=search)
        assert (reply.status, sorted(reply.fields)) == (422, fields)


class TestReferences:
    @pytest.fixture
    def pair(self, api):
        used = api.create_audience("Big Buyers")
        user = api.create_audience("Loyal", "trait('big_buyers') = 'true' AND event('Login').count() >= 3")
        api.create_audience("Unrelated")
        return used, user

    def consumers(self, api, audience, **parameters):
        reply = api.get(f"{api.audiences}/{audience['id']}/audience-references", **parameters)
        return [found["name"] for found in reply.data["audiences"]]

    def test_consumers_are_the_audiences_that_refer_to_it(self, api, pair):
        used, user = pair
        assert self.consumers(api, used) == ["Loyal"]
        assert self.consumers(api, user) == []
        reply = api.get(f"{api.audiences}/{used['id']}/audience-references")
        assert reply.data["audiences"] == [{**user, "status": "Live"}]
        assert reply.data["pagination"]["totalEntries"] == 1

    def test_consumers_can_be_sorted_searched_and_paged(self, world, api, pair):
        used, _ = pair
        for name in ("Aardvark", "zebra"):
            world.clock.advance(1)
            api.create_audience(name, "trait('big_buyers') = 'true'")
        assert self.consumers(api, used) == ["zebra", "Aardvark", "Loyal"]
        assert self.consumers(api, used, sort={"field": "NAME", "direction": "ASC"}) == ["Aardvark", "Loyal", "zebra"]
        assert self.consumers(api, used, sort={"field": "CREATED_AT", "direction": "ASC"})[0] == "Loyal"
        assert self.consumers(api, used, search={"type": "NAME", "query": "V"}) == ["Aardvark"]
        assert self.consumers(api, used, pagination={"count": 1}) == ["zebra"]

    @pytest.mark.parametrize(
        ("sort", "fields"),
        [
            ({}, ["sort.direction", "sort.field"]),
            ({"field": "KEY", "direction": "asc"}, ["sort.direction", "sort.field"]),
        ],
    )
    def test_wrong_sorts(self, api, pair, sort, fields):
        reply = api.get(f"{api.audiences}/{pair[0]['id']}/audience-references", sort=sort)
        assert (reply.status, sorted(reply.fields)) == (422, fields)

    def test_a_circle_is_refused(self, api, pair):
        used, user = pair
        sent = {"definition": {"query": f"trait('{user['key']}') = 'true'"}}
        reply = api.patch(f"{api.audiences}/{used['id']}", sent)
        assert (reply.status, reply.fields) == (422, ["definition.query"])
        assert reply.errors[0]["data"]["code"] == "cycle"

    def test_a_circle_closed_by_a_new_audience_is_refused(self, api):
        api.create_audience("First", "trait('second') = 'true'")
        reply = api.post(api.audiences, body(name="Second", definition={"query": "trait('first') = 'true'"}))
        assert (reply.status, reply.errors[0]["data"]["code"]) == (422, "cycle")
        assert api.create_audience("Second")["key"] == "second"

    def test_one_that_refers_to_itself_is_refused(self, api):
        reply = api.post(api.audiences, body(name="Me", definition={"query": "trait('me') = 'true'"}))
        assert (reply.status, reply.errors[0]["data"]["code"]) == (422, "cycle")

    def test_a_name_in_use_closes_no_circle(self, api, pair):
        created = api.create_audience("Big Buyers", "trait('loyal') = 'true'")
        assert created["key"].startswith("big_buyers_")

    def test_what_is_in_use_cannot_be_deleted(self, api, pair):
        used, user = (f"{api.audiences}/{audience['id']}" for audience in pair)
        refused = api.delete(used)
        assert (refused.status, refused.errors[0]["type"]) == (409, "conflict")
        assert "Loyal" in refused.errors[0]["message"]
        assert api.delete(user).data == {"status": "SUCCESS"}
        assert api.delete(used).data == {"status": "SUCCESS"}
        assert api.get(used).status == 404
        assert api.delete(used).status == 404


def test_a_deleted_audience_is_forgotten_but_its_key_stays_taken(world, api):
    deleted = api.create_audience()
    api.delete(f"{api.audiences}/{deleted['id']}")
    assert deleted["id"] not in world.directory.view(api.founded.space_id).catalogue.by_id
    again = api.create_audience()
    assert again["key"] != deleted["key"]
    assert api.create_audience()["key"] not in (deleted["key"], again["key"])


def test_an_unknown_audience(api):
    assert api.get(f"{api.audiences}/aud_nope").status == 404
    assert api.get(f"{api.audiences}/aud_nope/audience-references").status == 404
