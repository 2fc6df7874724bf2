"""The OpenAPI document: complete, well-formed, and the same as the file."""

import json
import re
from html.parser import HTMLParser

import pytest
from chalice.test import Client

from app import app
from chalicelib.api import contract
from chalicelib.api.management.limits import LIMITS
from chalicelib.api.openapi import document
from infra import openapi

# What answers only that there is nothing.
NO_OPERATIONS = re.compile(r"/v1/\w+/{space_id}/collections/{collection}/profiles/{identifier}/{resource}")


def routes():
    return {
        (method, path)
        for path, methods in app.routes.items()
        for method in methods
        if method != "OPTIONS" and not NO_OPERATIONS.fullmatch(path)
    }


def operations():
    return [operation for group in contract.groups() for operation in group.operations]


def parts(value):
    yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in inner:
        yield from parts(item)


def test_every_route_is_declared_and_every_declaration_has_a_route():
    declared = [(one.method, one.path) for one in operations()]
    assert sorted(declared) == sorted(routes()), "declare it in chalicelib/api/contract"
    assert contract.management().keys() <= set(declared)


def test_limits_are_of_operations():
    assert LIMITS.keys() <= routes()


def test_every_reference_leads_somewhere():
    found = document()
    references = {part["$ref"] for part in parts(found) if isinstance(part, dict) and "$ref" in part}
    for reference in references:
        _, section, kind, name = reference.split("/")
        assert name in found[section][kind]
    used = {reference.rpartition("/")[2] for reference in references}
    assert found["components"]["schemas"].keys() <= used


def test_every_operation_has_a_name_of_its_own_and_its_variables():
    names = []
    for path, methods in document()["paths"].items():
        for operation in methods.values():
            names.append(operation["operationId"])
            given = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
            assert given == set(re.findall(r"{(\w+)}", path))
    assert len(names) == len(set(names)) == len(routes())


def test_patterns_mean_the_same_in_javascript():
    for part in parts(document()):
        if isinstance(part, dict) and isinstance(part.get("pattern"), str):
            re.compile(part["pattern"])
            assert "(?" not in part["pattern"]


def test_it_is_served():
    reply = Client(app).http.get("/openapi.json")
    assert reply.status_code == 200
    assert reply.json_body == document()


def test_the_file_is_written_and_checked(tmp_path, monkeypatch, capsys):
    file = tmp_path / "docs" / "openapi.json"
    monkeypatch.setattr(openapi, "FILE", file)
    assert openapi.main(["--check"]) == 1
    assert openapi.main(["--write"]) == 0
    assert openapi.main(["--check"]) == 0
    assert json.loads(file.read_text()) == document()
    file.write_text(file.read_text().replace("3.1.0", "3.0.0"))
    assert openapi.main(["--check"]) == 1
    capsys.readouterr()
    openapi.main([])
    assert json.loads(capsys.readouterr().out) == document()


class Outline(HTMLParser):
    """What a page links to and loads, and whether its elements are closed in order."""

    VOID = ("meta", "input", "br")

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.links, self.loaded = [], [], [], []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if tag not in self.VOID:
            self.open.append(tag)
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if tag == "a" else []
        self.loaded += [found[name] for name in ("src", "srcset", "data", "action") if name in found]
        assert tag not in ("link", "iframe", "img")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_null_is_a_choice_where_it_is_allowed():
    """A list of choices holds beside the types, not instead of them."""
    schemas = list(_schemas(document()["components"]["schemas"]))
    nullable = [schema for schema in schemas if "enum" in schema and {"type": "null"} in schema.get("anyOf", ())]
    assert nullable
    assert all(None in schema["enum"] for schema in nullable)
    assert all(None not in schema["enum"] for schema in schemas if "enum" in schema and "anyOf" not in schema)


def _schemas(found):
    if isinstance(found, dict):
        yield found
    for inner in found.values() if isinstance(found, dict) else found if isinstance(found, list) else ():
        yield from _schemas(inner)


def test_a_body_is_required_where_something_in_it_is():
    bodies = [
        o["requestBody"] for methods in document()["paths"].values() for o in methods.values() if "requestBody" in o
    ]
    assert {body["required"] for body in bodies} == {True, False}
    publish = document()["paths"]["/spaces/{space_id}/journeys/{journey_id}/publish"]["post"]
    assert publish["requestBody"]["required"] is False


@pytest.fixture(scope="module")
def reference():
    reply = Client(app).http.get("/reference")
    assert reply.status_code == 200
    assert reply.headers["Content-Type"].startswith("text/html")
    return reply.body.decode()


def test_the_page_shows_every_operation_and_loads_nothing(reference):
    outline = Outline()
    outline.feed(reference)
    assert outline.open == []
    assert outline.loaded == []
    assert "@import" not in reference
    assert "url(" not in reference
    names = {operation["operationId"] for methods in document()["paths"].values() for operation in methods.values()}
    assert names <= set(outline.ids)
    assert {link[1:] for link in outline.links if link.startswith("#")} <= set(outline.ids)
    assert [link for link in outline.links if not link.startswith("#")] == ["openapi.json"]
