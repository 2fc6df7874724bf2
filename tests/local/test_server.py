"""What reaches a Chalice app through the local server is what API Gateway would hand it."""

import gzip
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from chalice.app import Chalice, Response

from chalicelib.clock import FixedClock, MovableClock
from infra.local.control import Control
from infra.local.failure import CannotStart
from infra.local.gateway import Gateway
from infra.local.meter import Meter
from infra.local.server import MOST_BODY, LocalServer
from tests.local.conftest import NOON


def toy_app() -> Chalice:
    app = Chalice(app_name="toy")
    app.api.binary_types = ["application/octet-stream"]

    def mirror(**parameters: Any) -> dict[str, Any]:
        request: Any = app.current_request
        return {
            "method": request.method,
            "resource": request.path,
            "parameters": request.uri_params,
            "query": dict(request.to_original_event()["multiValueQueryStringParameters"] or {}),
            "content_type": request.headers.get("content-type"),
            "body": request.raw_body.hex(),
            "base64": request.to_original_event()["isBase64Encoded"],
        }

    types = ["application/json", "text/plain", "application/octet-stream"]
    for path, methods in [
        ("/v1/track", ["POST"]),
        ("/v1/spaces/{space}/collections/{collection}/profiles/{id}/traits", ["GET"]),
        ("/spaces/{space}/audiences/{id}", ["GET", "DELETE"]),
        ("/spaces/{space}/audiences/previews", ["POST"]),
        ("/", ["GET"]),
    ]:
        app.route(path, methods=methods, content_types=types, name=path)(mirror)

    @app.route("/cookies")
    def cookies() -> Response:
        return Response({"ok": True}, headers={"Set-Cookie": ["a=1", "b=2"]})

    @app.route("/slow/{n}")
    def slow(n: str) -> dict[str, str]:
        meeting.wait(5)
        request: Any = app.current_request
        return {"asked": n, "seen": request.uri_params["n"]}

    meeting = threading.Barrier(4)
    return app


@pytest.fixture(scope="module")
def server() -> Iterator[LocalServer]:
    found = LocalServer(0)
    clock = MovableClock(FixedClock(NOON))
    found.start(Gateway(toy_app(), clock, found.base_url), Control(clock, None, Meter()))  # type: ignore[arg-type]
    yield found
    found.stop()


class Answer:
    def __init__(self, raw: http.client.HTTPResponse) -> None:
        self.status, self.headers, self.body = raw.status, raw.headers, raw.read()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(server: LocalServer, method: str, target: str, body: Any = None, **headers: str) -> Answer:
    connection = http.client.HTTPConnection(server.base_url.removeprefix("http://"), timeout=10)
    try:
        connection.request(
            method,
            target,
            body,
            {name.replace("_", "-"): value for name, value in headers.items()},
            encode_chunked=headers.get("Transfer_Encoding") == "chunked",
        )
        return Answer(connection.getresponse())
    finally:
        connection.close()


def test_path_parameters_keep_their_percent_encoding(server: LocalServer) -> None:
    answer = ask(server, "GET", "/v1/spaces/S/collections/users/profiles/app_id:x%3Ay%2Fz%25+/traits?limit=1")
    assert answer.json["parameters"] == {"space": "S", "collection": "users", "id": "app_id:x%3Ay%2Fz%25+"}
    assert answer.json["resource"] == "/v1/spaces/{space}/collections/{collection}/profiles/{id}/traits"


def test_the_query_is_decoded_and_keeps_every_value(server: LocalServer) -> None:
    query = "/spaces/s/audiences/a?pagination=%7B%22count%22%3A%202%7D&x=1&x=2&empty=&page%5Bcount%5D=5"
    assert ask(server, "GET", query).json["query"] == {
        "pagination": ['{"count": 2}'],
        "x": ["1", "2"],
        "empty": [""],
        "page[count]": ["5"],
    }


@pytest.mark.parametrize("target", ["/v1/track", "/v1/track/", "//v1/track", "/v1//track//"])
def test_slashes_are_collapsed(server: LocalServer, target: str) -> None:
    assert ask(server, "POST", target, b"{}").json["resource"] == "/v1/track"


def test_a_literal_segment_beats_a_parameter(server: LocalServer) -> None:
    assert ask(server, "POST", "/spaces/s/audiences/previews").json["resource"] == "/spaces/{space}/audiences/previews"
    assert ask(server, "GET", "/spaces/s/audiences/x").json["resource"] == "/spaces/{space}/audiences/{id}"


def test_an_absolute_request_target_works(server: LocalServer) -> None:
    assert ask(server, "GET", f"{server.base_url}/spaces/s/audiences/x").json["parameters"]["id"] == "x"


def test_text_travels_as_text_and_gzip_as_base64(server: LocalServer) -> None:
    text = '{"name":"Zoë"}'.encode()
    plain = ask(server, "POST", "/v1/track", text, Content_Type="text/plain").json
    assert (plain["base64"], bytes.fromhex(plain["body"])) == (False, text)
    packed = gzip.compress(text)
    answer = ask(server, "POST", "/v1/track", packed, Content_Encoding="gzip", Content_Type="application/json").json
    assert (answer["base64"], bytes.fromhex(answer["body"])) == (True, packed)


def test_bytes_that_are_no_text_and_binary_types_travel_as_base64(server: LocalServer) -> None:
    assert ask(server, "POST", "/v1/track", b"\xff\x00").json["body"] == "ff00"
    answer = ask(server, "POST", "/v1/track", b"abc", Content_Type="application/octet-stream").json
    assert (answer["base64"], answer["body"]) == (True, b"abc".hex())


def test_a_chunked_body_arrives_whole(server: LocalServer) -> None:
    chunks = [b'{"a":', b"1}"]
    answer = ask(server, "POST", "/v1/track", iter(chunks), Transfer_Encoding="chunked").json
    assert bytes.fromhex(answer["body"]) == b'{"a":1}'


def test_one_connection_serves_many_requests(server: LocalServer) -> None:
    connection = http.client.HTTPConnection(server.base_url.removeprefix("http://"), timeout=10)
    for _ in range(3):
        connection.request("GET", "/")
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
        assert not answer.will_close
    connection.close()


def test_headers_with_several_values_come_back(server: LocalServer) -> None:
    assert ask(server, "GET", "/cookies").headers.get_all("Set-Cookie") == ["a=1", "b=2"]


def test_concurrent_requests_do_not_see_each_other(server: LocalServer) -> None:
    found: list[Any] = []
    threads = [
        threading.Thread(target=lambda n=n: found.append(ask(server, "GET", f"/slow/{n}").json)) for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one["asked"] for one in found) == ["0", "1", "2", "3"]
    assert all(one["asked"] == one["seen"] for one in found)


def test_head_is_get_without_a_body(server: LocalServer) -> None:
    answer = ask(server, "HEAD", "/spaces/s/audiences/x")
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize("target", ["/v1/track", "/v1/nothing", "/nothing"])
def test_a_refused_head_has_no_body_to_be_taken_for_the_next_answer(server: LocalServer, target: str) -> None:
    connection = http.client.HTTPConnection(server.base_url.removeprefix("http://"), timeout=10)
    connection.request("HEAD", target)
    answer = connection.getresponse()
    answer.read()
    assert answer.status in (404, 405)
    connection.request("GET", "/spaces/s/audiences/x")
    assert json.loads(connection.getresponse().read())["method"] == "GET"
    connection.close()


def test_broken_chunks_are_the_clients_fault(server: LocalServer) -> None:
    host, _, port = server.base_url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(
            b"POST /v1/track HTTP/1.1\r\nHost: x\r\nOrigin: https://a.test\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
        )
        connection.shutdown(socket.SHUT_WR)
        answer = connection.makefile("rb").read()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"Access-Control-Allow-Origin: https://a.test" in head
    assert json.loads(body)["code"] == "malformed_body"


def test_a_defect_answers_in_the_envelope_of_its_api(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def break_down(*_: Any) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(Gateway, "handle", break_down)
    tracking = ask(server, "POST", "/v1/track", b"{}", Origin="https://a.test")
    assert (tracking.status, tracking.json["code"]) == (500, "internal_error")
    assert tracking.headers["Access-Control-Allow-Origin"] == "https://a.test"
    profiles = ask(server, "GET", "/v1/spaces/S/collections/users/profiles/x/traits")
    assert (profiles.status, profiles.json["error"]["code"]) == (500, "internal_error")
    assert profiles.headers["Request-Id"]
    management = ask(server, "GET", "/spaces/s/audiences/x")
    assert (management.status, management.json["errors"][0]["type"]) == (500, "server-error")
    assert "a defect" in caplog.text


def test_unknown_routes_answer_in_the_envelope_of_their_api(server: LocalServer) -> None:
    profiles = ask(server, "GET", "/v1/spaces/S/nothing")
    assert (profiles.status, profiles.json["error"]["code"]) == (404, "not_found")
    assert profiles.headers["Request-Id"]
    assert "Access-Control-Allow-Origin" not in profiles.headers
    assert ask(server, "GET", "/v1/namespaces/S/nothing").json["error"]["code"] == "not_found"
    tracking = ask(server, "POST", "/v1/nothing", Origin="https://a.test")
    assert tracking.status == 404
    assert tracking.json["success"] is False
    assert {"code", "message", "error"} <= tracking.json.keys()
    assert tracking.headers["Access-Control-Allow-Origin"] == "https://a.test"
    management = ask(server, "GET", "/nothing")
    assert (management.status, management.json["errors"][0]["type"]) == (404, "not-found")


def test_wrong_methods_answer_in_the_envelope_of_their_api(server: LocalServer) -> None:
    tracking = ask(server, "DELETE", "/v1/track")
    assert (tracking.status, tracking.json["code"]) == (405, "method_not_allowed")
    assert tracking.headers["Access-Control-Allow-Origin"] == "*"
    management = ask(server, "PATCH", "/spaces/s/audiences/a")
    assert (management.status, management.headers["Allow"]) == (405, "GET, DELETE")
    assert management.json["errors"][0]["type"] == "method-not-allowed"
    profiles = ask(server, "POST", "/v1/spaces/S/collections/users/profiles/x/traits")
    assert (profiles.status, profiles.json["error"]["code"]) == (405, "invalid_request_error")


def test_a_preflight_of_a_tracking_path_is_answered(server: LocalServer) -> None:
    answer = ask(server, "OPTIONS", "/v1/track", Access_Control_Request_Headers="authorization,x-mine")
    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Headers"] == "authorization,x-mine"
    assert ask(server, "OPTIONS", "/spaces/s/audiences/a").status == 405


def test_a_body_beyond_the_limit_is_refused(server: LocalServer) -> None:
    body = b"x" * (MOST_BODY + 1)
    tracking = ask(server, "POST", "/v1/track", body)
    assert (tracking.status, tracking.json["code"]) == (400, "payload_too_large")
    management = ask(server, "POST", "/spaces/s/audiences/previews", body)
    assert (management.status, management.json["errors"][0]["type"]) == (413, "payload-too-large")
    assert ask(server, "POST", "/v1/track", body[:-1]).status == 200


def test_a_taken_port_is_named(server: LocalServer) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(CannotStart, match=str(port)):
            LocalServer(port)
