"""The Profile API from the outside: traits, external ids and metadata of a person by any of its names."""

from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest

from tests.acceptance.installation import Answer, Muster, Source, basic, unique

NOT_FOUND = {"error": {"code": "not_found", "message": "Profile was not found."}}
LAST_PAGE = {"url": "", "has_more": False, "next": ""}
CUSTOM = [f"t{n:02}" for n in range(1, 13)]


class Person(NamedTuple):
    """Somebody, and all the names they go by."""

    user_id: str
    email: str
    anonymous_id: str
    phone: str
    app_id: str
    group_id: str
    source: Source

    @property
    def name(self) -> str:
        return f"user_id:{self.user_id}"


@pytest.fixture(scope="module")
def bob(muster: Muster) -> Person:
    """As a shop would know him: ids of all kinds, traits set by hand, one computed, an audience and an account."""
    define(muster)
    tag = unique("")
    bob = Person(
        f"u{tag}", f"bob{tag}@example.com", f"a{tag}", f"+1555{tag}", f"x:y/z 100%+{tag}", f"g{tag}", muster.source()
    )
    listed = [
        {"id": bob.phone, "type": "phone", "collection": "users", "encoding": "none"},
        {"id": bob.app_id, "type": "app_id", "collection": "users", "encoding": "none"},
        {"id": bob.email, "type": "email", "collection": "users", "encoding": "none"},
    ]
    known = {"userId": bob.user_id, "context": {"externalIds": listed}}
    bob.source.send(
        {"type": "identify", "anonymousId": bob.anonymous_id, "traits": {key: key for key in CUSTOM}, **known},
        {"type": "track", "event": "Bought", "properties": {"total": 33}, "userId": bob.user_id},
        {"type": "group", "userId": bob.user_id, "groupId": bob.group_id, "traits": {"plan": "ent"}},
    )
    muster.drain()
    return bob


def define(muster: Muster) -> None:
    headers = {"Authorization": f"Bearer {muster.api_token}"}
    audience = {"name": "vip", "audienceType": "USERS", "definition": {"query": "event('Bought').count() >= 1"}}
    total = {"query": "event('Bought').sum(property('total'))", "type": "USERS"}
    for path, body in (("audiences", audience), ("computed-traits", {"name": "total_spend", "definition": total})):
        created = muster.ask("POST", f"/spaces/{muster.space_id}/{path}", body, **headers)
        assert created.status in (200, 201), created
    muster.drain()


def assert_error(answer: Answer, status: int, code: str) -> None:
    assert answer.status == status, answer
    assert answer.json["error"]["code"] == code
    assert answer.json["error"]["message"]
    assert_for_servers(answer)


def assert_for_servers(answer: Answer) -> None:
    """JSON with a name for the request, and nothing a browser could use."""
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Request-Id"]
    assert [name for name in answer.headers if name.lower().startswith("access-control")] == []


def pages(muster: Muster, first: Answer) -> Iterator[Answer]:
    """The first page and those its cursors lead to."""
    answer = first
    while True:
        assert answer.status == 200, answer
        assert_for_servers(answer)
        yield answer
        cursor = answer.json["cursor"]
        assert cursor.keys() == {"url", "has_more", "next", "limit"}
        if not cursor["has_more"]:
            assert cursor == {**LAST_PAGE, "limit": cursor["limit"]}
            return
        assert cursor["url"].startswith(muster.base_url + "/v1/")
        target = cursor["url"].removeprefix(muster.base_url)
        answer = muster.ask("GET", target, Authorization=basic(muster.profile_token + ":"))


def test_the_first_page_of_traits(muster: Muster, bob: Person) -> None:
    answer = muster.profile(bob.name, "traits")
    assert list(answer.json["traits"]) == CUSTOM[:10]
    assert (answer.json["cursor"]["has_more"], answer.json["cursor"]["next"]) == (True, "t11")
    assert answer.json["cursor"]["limit"] == 10
    assert_for_servers(answer)


def test_the_page_after_it(muster: Muster, bob: Person) -> None:
    _, second = pages(muster, muster.profile(bob.name, "traits"))
    assert second.json["traits"] == {"t11": "t11", "t12": "t12", "total_spend": 33, "vip": True}


@pytest.mark.parametrize("prefix", ["spaces", "namespaces"])
@pytest.mark.parametrize("limit", [1, 3, 7, 13, 14])
def test_a_walk_shows_each_trait_once_and_keeps_its_prefix(
    muster: Muster, bob: Person, prefix: str, limit: int
) -> None:
    first = muster.profile_at(f"users/profiles/{quote(bob.name)}/traits?limit={limit}&verbose=true", prefix)
    walked = list(pages(muster, first))
    assert [key for page in walked for key in page.json["traits"]] == [*CUSTOM, "total_spend", "vip"]
    assert all("value" in trait for page in walked for trait in page.json["traits"].values())
    assert all(f"/v1/{prefix}/" in page.json["cursor"]["url"] for page in walked[:-1])


def test_all_traits_at_once(muster: Muster, bob: Person) -> None:
    answer = muster.profile(bob.name, "traits?limit=200").json
    assert len(answer["traits"]) == 14
    assert answer["cursor"] == {**LAST_PAGE, "limit": 200}


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("include=t03,nope,vip", {"t03": "t03", "vip": True}),
        ("include=nope", {}),
        ("include=T03", {}),
        ("include=t03%2Ct04", {"t03": "t03", "t04": "t04"}),
        ("class=audience", {"vip": True}),
        ("class=computed_trait", {"total_spend": 33}),
        ("class=audience&include=t03,vip", {"vip": True}),
        ("class=audience&include=t03", {}),
    ],
)
def test_traits_can_be_chosen(muster: Muster, bob: Person, query: str, shown: dict[str, Any]) -> None:
    answer = muster.profile(bob.name, f"traits?{query}")
    assert answer.status == 200
    assert answer.json == {"traits": shown, "cursor": {**LAST_PAGE, "limit": 10}}


def test_verbose_traits_say_where_and_when(muster: Muster, bob: Person) -> None:
    traits = muster.profile(bob.name, "traits?include=t01,vip,total_spend&verbose=true").json["traits"]
    assert all(trait.keys() == {"value", "source_id", "updated_at"} for trait in traits.values())
    assert (traits["t01"]["value"], traits["t01"]["source_id"]) == ("t01", bob.source.id)
    assert (traits["vip"]["value"], traits["vip"]["source_id"]) == (True, muster.engage_source_id)
    assert traits["total_spend"]["source_id"] == muster.engage_source_id
    assert traits["t01"]["updated_at"].endswith("Z")
    assert muster.profile(bob.name, "traits?include=t01&verbose=yes").json["traits"] == {"t01": "t01"}


@pytest.mark.parametrize("resource", ["traits", "external_ids"])
@pytest.mark.parametrize("limit", ["0", "-1", "abc", "1.5", "", "+1", "%C2%B2", "0000"])
def test_a_page_size_that_makes_no_sense(muster: Muster, bob: Person, resource: str, limit: str) -> None:
    answer = muster.profile(bob.name, f"{resource}?limit={limit}")
    assert_error(answer, 400, "validation_error")
    assert "limit" in answer.json["error"]["message"]


@pytest.mark.parametrize(("resource", "most"), [("traits", 200), ("external_ids", 100)])
@pytest.mark.parametrize("limit", ["999", "9" * 30, "9" * 5_000, "0" * 5_000 + "999"])
def test_a_page_size_beyond_the_most(muster: Muster, bob: Person, resource: str, most: int, limit: str) -> None:
    answer = muster.profile(bob.name, f"{resource}?limit={limit}")
    assert answer.status == 200
    assert answer.json["cursor"]["limit"] == most


@pytest.mark.parametrize("query", ["class=custom", "class=Audience"])
def test_parameters_that_make_no_sense(muster: Muster, bob: Person, query: str) -> None:
    answer = muster.profile(bob.name, f"traits?{query}")
    assert_error(answer, 400, "validation_error")
    assert "class" in answer.json["error"]["message"]
    assert_error(muster.profile(bob.name, "external_ids?next=garbage"), 400, "validation_error")


def test_every_external_id_leads_to_the_profile(muster: Muster, bob: Person) -> None:
    names = [
        bob.name,
        f"email:{bob.email}",
        f"anonymous_id:{bob.anonymous_id}",
        f"phone:{bob.phone}",
        f"app_id:{bob.app_id}",
    ]
    assert len({muster.segment_id(name) for name in names} - {None}) == 1
    answer = muster.profile_at(f"users/profiles/{quote(names[1])}/traits?include=vip", "namespaces")
    assert answer.json == {"traits": {"vip": True}, "cursor": {**LAST_PAGE, "limit": 10}}


def test_encoded_in_any_way_a_client_does_it(muster: Muster, bob: Person) -> None:
    name = f"app_id:{bob.app_id}"
    whole, value = quote(name, safe=""), f"app_id:{quote(bob.app_id, safe='')}"
    lower = "".join(part.lower() if part.startswith("%") else part for part in whole.replace("%", "\n%").split("\n"))
    sparing = "app_id:" + bob.app_id.replace("%", "%25").replace("/", "%2F").replace(" ", "%20")  # leaves + and :
    every = "".join(f"%{byte:02X}" for byte in name.encode())
    for encoded in (whole, value, lower, sparing, every):
        assert muster.profile_at(f"users/profiles/{encoded}/traits").status == 200, encoded
    twice = quote(whole, safe="")
    as_form = whole.replace("%20", "+")
    for encoded in (twice, as_form):
        assert_error(muster.profile_at(f"users/profiles/{encoded}/traits"), 404, "not_found")


def test_names_are_compared_byte_for_byte(muster: Muster, bob: Person) -> None:
    for name in (
        f"email:{bob.email.upper()}",
        f"user_id:{bob.user_id.upper()}",
        f"User_id:{bob.user_id}",
        f"{bob.name} ",
        f" {bob.name}",
        f"user_id: {bob.user_id}",
        f"email:{bob.user_id}",
    ):
        answer = muster.profile(name, "traits")
        assert_error(answer, 404, "not_found")
        assert answer.json == NOT_FOUND


def test_an_email_is_found_in_the_spelling_it_is_kept_in(muster: Muster, source: Source) -> None:
    email = f"{unique('Jo')}@Ex.io"
    source.send({"type": "identify", "userId": unique("u"), "traits": {"email": email}})
    muster.drain()
    assert muster.profile(f"email:{email}", "traits").status == 404
    assert muster.traits(f"email:{email.lower()}") == {"email": email}


@pytest.mark.parametrize("resource", ["traits", "external_ids", "metadata"])
def test_nobody_is_not_found(muster: Muster, bob: Person, resource: str) -> None:
    names = ("user_id:nobody", bob.user_id, bob.email, "user_id:", ":", ":x", "::", "use_", "segment_id:", "%", "\0")
    for name in names:
        answer = muster.profile(name, resource)
        assert answer.status == 404, (name, answer)
        assert answer.json == NOT_FOUND
        assert_for_servers(answer)


@pytest.mark.parametrize(
    "identifier",
    [
        *(
            "user_id:%",
            "user_id:%zz",
            "user_id:%ff",
            "user_id:no%00body",
            "%",
            "%F0%9F%98%80",
            "user_id:;",
            "user_id:&=?x",
        ),
        *("use_" + "x" * 3_000, "segment_id:" + "x" * 3_000, "user_id:" + "x" * 5_000, "x" * 5_000 + ":1"),
        *("user_id:" + "%F0%9F%98%80" * 600, "use_%23", "segment_id:use_..", "user_id:<script>"),
    ],
)
def test_no_identifier_breaks_the_service(muster: Muster, identifier: str) -> None:
    for collection in ("users", "accounts"):
        assert_error(muster.profile_at(f"{collection}/profiles/{identifier}/traits"), 404, "not_found")


def test_bytes_that_are_no_text_find_nobody_whose_id_was_mended(muster: Muster, source: Source, user: str) -> None:
    source.send({"type": "identify", "userId": f"{user}\ud83d"})
    muster.drain()
    assert muster.profile_at(f"users/profiles/user_id:{user}%EF%BF%BD/traits").status == 200
    assert_error(muster.profile_at(f"users/profiles/user_id:{user}%ff/traits"), 404, "not_found")


def test_only_the_token_of_the_space_opens_it(muster: Muster, bob: Person) -> None:
    token, path = muster.profile_token, f"users/profiles/{quote(bob.name)}/traits"
    refused = [None, "", "Basic", "Basic !!!", "Basic /zo=", basic("bad:"), f"Bearer {token}", f"Token {token}"]
    refused += [basic(f"{other}:") for other in (muster.api_token, bob.source.write_key, "", token + "x", token[:-1])]
    for authorization in refused:
        answer = muster.profile_at(path, Authorization=authorization, Origin="https://a.test")
        assert_error(answer, 401, "authentication_error")
    for authorization in (basic(token), basic(f"{token}:password"), basic(f"{token}:").replace("Basic", "basic")):
        assert muster.profile_at(path, Authorization=authorization, Origin="https://a.test").status == 200


@pytest.mark.parametrize("space", ["nope", "x" * 3_000, "%00", "%C3%A9", "spa_"])
def test_other_spaces_cannot_be_told_from_none(muster: Muster, bob: Person, space: str) -> None:
    path = f"collections/users/profiles/{quote(bob.name)}/traits"
    answer = muster.ask("GET", f"/v1/spaces/{space}/{path}", Authorization=basic(muster.profile_token + ":"))
    assert_error(answer, 401, "authentication_error")
    whole = muster.ask(
        "GET", f"/v1/spaces/spa_{muster.space_id}/{path}", Authorization=basic(muster.profile_token + ":")
    )
    assert whole.status == 200


def test_external_ids_by_type(muster: Muster, bob: Person) -> None:
    answer = muster.profile(bob.name, "external_ids?include=email,phone,nope")
    assert_for_servers(answer)
    items = {item["type"]: item for item in answer.json["data"]}
    assert {type: item["id"] for type, item in items.items()} == {"email": bob.email, "phone": bob.phone}
    for item in items.values():
        assert item.keys() == {*("id", "type", "collection", "source_id", "created_at", "encoding", "first_message_id")}
        assert (item["collection"], item["encoding"], item["source_id"]) == ("users", "none", bob.source.id)
        assert item["first_message_id"]
        assert item["created_at"].endswith("Z")
    types = [item["type"] for item in muster.profile(bob.name, "external_ids").json["data"]]
    assert sorted(types) == ["anonymous_id", "app_id", "email", "phone", "user_id"]


def test_a_walk_through_many_external_ids(muster: Muster, source: Source, user: str) -> None:
    """Five of a type are kept, so thirty are of six types; those that come during the walk do not disturb it."""

    def see(*types: str) -> None:
        listed = [
            {"id": f"{user}-{n}", "type": type, "collection": "users", "encoding": "none"}
            for type in types
            for n in range(5)
        ]
        source.send({"type": "track", "event": "E", "userId": user, "context": {"externalIds": listed}})
        muster.drain()

    see(*(f"type_{letter}" for letter in "abcdef"))
    first = muster.profile(f"user_id:{user}", "external_ids")
    assert (len(first.json["data"]), first.json["cursor"]["has_more"], first.json["cursor"]["limit"]) == (25, True, 25)
    muster.pass_time(1)
    see("type_g")
    walked = [item for page in pages(muster, first) for item in page.json["data"]]
    assert len(walked) == 31
    assert len({(item["type"], item["id"]) for item in walked}) == 31
    assert "type_g" not in {item["type"] for item in walked}
    again = [item["type"] for item in muster.profile(f"user_id:{user}", "external_ids").json["data"]]
    assert again[:5] == ["type_g"] * 5


def test_metadata_by_every_form_of_the_name(muster: Muster, bob: Person) -> None:
    body = muster.profile(bob.name, "metadata").json
    segment_id = body["segment_id"]
    assert segment_id.startswith("use_")
    assert body["metadata"].keys() == {
        *("created_at", "updated_at", "expires_at"),
        *("first_message_id", "first_source_id", "last_message_id", "last_source_id"),
    }
    assert body["metadata"]["expires_at"] is None
    assert body["metadata"]["first_source_id"] == bob.source.id
    for name in (segment_id, f"segment_id:{segment_id}"):
        answer = muster.profile(name, "metadata?verbose=true")
        assert answer.json == body
        assert_for_servers(answer)
    assert muster.profile(segment_id, "metadata", "accounts").status == 404


def test_accounts_and_people_are_kept_apart(muster: Muster, bob: Person) -> None:
    account = f"group_id:{bob.group_id}"
    assert muster.traits(account, "accounts") == {"plan": "ent"}
    body = muster.profile(account, "metadata", "accounts").json
    assert body["segment_id"].startswith("acc_")
    assert muster.profile(body["segment_id"], "metadata", "accounts").json == body
    [item] = muster.profile(account, "external_ids", "accounts").json["data"]
    assert (item["id"], item["type"], item["collection"]) == (bob.group_id, "group_id", "accounts")
    assert_error(muster.profile(account, "traits"), 404, "not_found")
    assert_error(muster.profile(bob.name, "traits", "accounts"), 404, "not_found")


@pytest.mark.parametrize("collection", ["us!ers", "us%21ers", "%00", "%C3%A9", "users%20", "users%0A"])
def test_a_collection_of_impossible_characters(muster: Muster, bob: Person, collection: str) -> None:
    answer = muster.profile_at(f"{collection}/profiles/{quote(bob.name)}/traits")
    assert_error(answer, 400, "validation_error")
    assert "collection" in answer.json["error"]["message"]


@pytest.mark.parametrize("collection", ["things", "Users", "user", "x" * 1_000])
def test_a_collection_that_does_not_exist(muster: Muster, bob: Person, collection: str) -> None:
    assert_error(muster.profile_at(f"{collection}/profiles/{quote(bob.name)}/traits"), 404, "not_found")


@pytest.mark.parametrize(
    "path",
    ["users/profiles/{}/nothing", "users/profiles/{}/Traits", "users/profiles/{}/traits/t01", "users/profiles/{}", "x"],
)
def test_resources_that_do_not_exist(muster: Muster, bob: Person, path: str) -> None:
    for prefix in ("spaces", "namespaces"):
        assert_error(muster.profile_at(path.format(quote(bob.name)), prefix), 404, "not_found")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_profiles_are_only_read(muster: Muster, bob: Person, method: str) -> None:
    for resource in ("traits", "external_ids", "metadata"):
        path = f"/v1/spaces/{muster.space_id}/collections/users/profiles/{quote(bob.name)}/{resource}"
        headers = {"Authorization": basic(muster.profile_token + ":"), "Origin": "https://a.test"}
        assert_error(muster.ask(method, path, **headers), 405, "invalid_request_error")


def test_a_slash_at_either_end_does_no_harm(muster: Muster, bob: Person) -> None:
    path = f"users/profiles/{quote(bob.name)}/traits"
    assert muster.profile_at(f"{path}/").status == 200
    assert muster.profile_at(f"/{path}?limit=1").json["cursor"]["has_more"] is True


def test_every_request_has_a_name_of_its_own(muster: Muster, bob: Person) -> None:
    names = {muster.profile(bob.name, "metadata").headers["Request-Id"] for _ in range(3)}
    names |= {muster.profile("user_id:nobody", "metadata").headers["Request-Id"] for _ in range(3)}
    assert len(names) == 6


def test_traits_keep_their_types(muster: Muster, source: Source, user: str) -> None:
    traits = {
        "text": "x", "empty": "", "yes": True, "no": False, "zero": 0, "half": 0.5, "list": [1, "a", None, {"b": []}],
        "object": {"a": {"b": None}}, "0": "zero", "00": 1, "$": "x", "": "nameless", "ключ": 1, "a,b": 2, "\0": 3,
    }  # fmt: skip
    source.send({"type": "identify", "userId": user, "traits": {**traits, "nothing": None}})
    muster.drain()
    for limit in (1, 2, 4):
        walked = list(pages(muster, muster.profile(f"user_id:{user}", f"traits?limit={limit}")))
        shown = {key: value for page in walked for key, value in page.json["traits"].items()}
        assert shown == traits
        assert sum(len(page.json["traits"]) for page in walked) == len(traits)
        assert [type(value) for value in shown.values()] == [type(traits[key]) for key in shown]
