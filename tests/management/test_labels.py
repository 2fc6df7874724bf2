"""Labels of the workspace and of its sources."""

import pytest

PROD = {"key": "environment", "value": "prod", "description": "What people use"}
TEST = {"key": "environment", "value": "test"}


@pytest.fixture
def source(api):
    for label in (PROD, TEST):
        assert api.post("/labels", {"label": label}).status == 201
    return f"/sources/{api.founded.source_id}"


def labels(api, source):
    return api.get(source).data["source"]["labels"]


def test_the_labels_of_a_workspace(api, source):
    assert api.get("/labels").data == {"labels": [PROD, TEST]}
    assert api.post("/labels", {"label": PROD}).status == 409
    assert api.delete("/labels/environment/test").data == {"status": "SUCCESS"}
    assert api.delete("/labels/environment/test").status == 404
    assert api.get("/labels").data == {"labels": [PROD]}


def test_the_labels_of_a_source(api, source):
    assert labels(api, source) == []
    assert api.post(f"{source}/labels", {"labels": [{"key": "environment", "value": "prod"}]}).data == {
        "labels": [PROD]
    }
    assert api.post(f"{source}/labels", {"labels": [TEST, PROD]}).data == {"labels": [PROD, TEST]}
    assert labels(api, source) == [PROD, TEST]
    assert api.send("PUT", f"{source}/labels", {"labels": [TEST]}).data == {"labels": [TEST]}
    assert labels(api, source) == [TEST]
    assert api.send("PUT", f"{source}/labels", {"labels": []}).data == {"labels": []}


def test_a_label_in_use_stays(api, source):
    api.post(f"{source}/labels", {"labels": [PROD]})
    reply = api.delete("/labels/environment/prod")
    assert (reply.status, "Website" in reply.errors[0]["message"]) == (409, True)


@pytest.mark.parametrize(
    ("sent", "fields"),
    [
        ({}, ["label"]),
        ({"label": {}}, ["label.key", "label.value"]),
        ({"label": {"key": "ü", "value": "a\nb"}}, ["label.key", "label.value"]),
    ],
)
def test_a_label_that_makes_no_sense(api, sent, fields):
    reply = api.post("/labels", sent)
    assert (reply.status, reply.fields) == (422, fields)


@pytest.mark.parametrize(
    ("sent", "fields"),
    [
        ({}, ["labels"]),
        ({"labels": ["x", {"key": "a"}]}, ["labels.0", "labels.1.value"]),
        ({"labels": [{"key": "a", "value": "b"}]}, ["labels.0"]),
    ],
)
def test_a_source_takes_only_labels_of_the_workspace(api, source, sent, fields):
    reply = api.post(f"{source}/labels", sent)
    assert (reply.status, reply.fields) == (422, fields)


def test_labels_whose_parts_look_like_separators(api):
    for label in ({"key": "a#b", "value": "c"}, {"key": "a", "value": "b#c"}):
        assert api.post("/labels", {"label": label}).status == 201
    assert api.delete("/labels/a%23b/c").status == 200
    assert api.get("/labels").data["labels"] == [{"key": "a", "value": "b#c"}]
