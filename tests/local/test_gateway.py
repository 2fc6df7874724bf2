"""Whatever stands in a path or a query reaches the app as it was sent."""

import base64
import json
from typing import Any
from urllib.parse import quote, urlencode

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.clock import FixedClock
from infra.local.gateway import Gateway, Request
from tests.local.conftest import NOON

SEGMENT = st.text(st.characters(codec="utf-8"), min_size=1)
SLASHES = st.sampled_from(["/", "//", "///"])


class Recorder:
    """Stands for a Chalice app: remembers the event."""

    class api:  # noqa: N801
        binary_types = ("application/octet-stream",)

    routes: dict[str, Any] = {  # noqa: RUF012
        "/things/{kind}/{id}": {"GET": None, "POST": None},
        "/things/{kind}/latest": {"GET": None},
    }

    def __call__(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        return {"statusCode": 200, "headers": {}, "body": json.dumps(event)}


gateway = Gateway(Recorder(), FixedClock(NOON))


def event_of(method: str, target: str, body: bytes = b"", **headers: str) -> Any:
    given_headers = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return json.loads(gateway.handle(Request(method, target, given_headers, body)).body)


@given(SEGMENT, SEGMENT, SLASHES, st.sampled_from(["", "/"]))
def test_path_parameters_arrive_raw(kind: str, id: str, slashes: str, end: str) -> None:
    raw = quote(id, safe="") if id != "latest" else "%6Catest"
    target = slashes.join(["", "things", quote(kind, safe=""), raw]) + end
    assert event_of("GET", target)["pathParameters"] == {"kind": quote(kind, safe=""), "id": raw}


@given(st.dictionaries(SEGMENT, st.lists(st.text(st.characters(codec="utf-8")), min_size=1)))
def test_query_values_arrive_decoded_and_in_order(query: dict[str, list[str]]) -> None:
    event = event_of("GET", "/things/a/b?" + urlencode(query, doseq=True))
    assert (event["multiValueQueryStringParameters"] or {}) == query
    assert (event["queryStringParameters"] or {}) == {name: values[-1] for name, values in query.items()}


@given(st.binary())
def test_bodies_arrive_byte_by_byte(body: bytes) -> None:
    event = event_of("POST", "/things/a/b", body)
    if event["isBase64Encoded"]:
        assert base64.b64decode(event["body"]) == body
    else:
        assert (event["body"] or "").encode() == body


def test_a_literal_beats_a_parameter() -> None:
    assert event_of("GET", "/things/a/latest")["resource"] == "/things/{kind}/latest"
