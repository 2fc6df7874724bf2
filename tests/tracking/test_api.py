import base64
import json
from types import SimpleNamespace

import pytest
from chalice.test import Client

from app import app
from chalicelib.api.tracking import PATHS
from tests.tracking.sending import KEY, Api, FailingQueues, basic, batch, gzipped, track

LONG_PATHS = [f"/v1/{kind}" for kind in ("identify", "track", "page", "screen", "group", "alias")]
SHORT_PATHS = [f"/v1/{letter}" for letter in "itpsga"]
EVERY_PATH = [*LONG_PATHS, *SHORT_PATHS, "/v1/batch", "/v1/b", "/v1/import", "/v1/m"]

ANY_CALL = {"writeKey": KEY, "userId": "u1", "event": "E", "groupId": "g", "previousId": "p"}
ORIGIN = "https://a.test"


def serve(monkeypatch, application):
    monkeypatch.setattr("chalicelib.bootstrap.current", lambda: application)
    return Client(app)


@pytest.fixture
def api():
    return Api()


@pytest.fixture
def client(monkeypatch, api):
    return serve(monkeypatch, SimpleNamespace(intake=api.intake))


def post(client, path, content, **headers):
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return client.http.post(path, headers={n.replace("_", "-"): v for n, v in headers.items()}, body=body)


def is_accepted(response):
    return (
        response.status_code == 200
        and response.headers["Content-Type"] == "application/json"
        and response.json_body == {"success": True}
    )


def test_the_paths_are_the_ones_clients_use():
    assert sorted([*PATHS, "/v1/m"]) == sorted(EVERY_PATH)


@pytest.mark.parametrize(("long", "short"), list(zip(LONG_PATHS, SHORT_PATHS, strict=True)))
def test_long_and_short_paths_store_the_same_type(client, api, long, short):
    assert is_accepted(post(client, long, ANY_CALL, Content_Type="application/json"))
    assert is_accepted(post(client, short, ANY_CALL, Content_Type="application/json"))
    assert [event.type for event in api.stored()] == [long.removeprefix("/v1/")] * 2


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/b", "/v1/import", "/v1/import/"])
def test_batches_are_taken_on_each_of_their_paths(client, api, path):
    assert is_accepted(post(client, path, {"batch": [track(), track()]}, Authorization=basic(KEY + ":")))
    assert len(api.stored()) == 2


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", "text/plain", "text/plain;charset=UTF-8", "foo/bar", "x"],
)
def test_the_content_type_does_not_matter(client, api, content_type):
    assert is_accepted(post(client, "/v1/t", ANY_CALL, Content_Type=content_type))
    assert len(api.stored()) == 1


def test_no_content_type_at_all(client, api):
    assert is_accepted(post(client, "/v1/t", ANY_CALL))
    assert len(api.stored()) == 1


def test_header_names_may_be_written_in_any_case(client, api):
    response = post(client, "/v1/i", {"userId": "u1"}, AUTHORIZATION=basic(KEY), oRiGiN=ORIGIN)
    assert is_accepted(response)
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert len(api.stored()) == 1


def test_compressed_bodies(client, api):
    body = gzipped(batch(track()))
    assert is_accepted(post(client, "/v1/b", body, Content_Encoding="gzip", Content_Type="text/plain"))
    # A binary media type arrives in base64.
    assert is_accepted(post(client, "/v1/b", body, content_encoding="gzip", content_type="application/octet-stream"))
    assert len(api.stored()) == 2


def invoke(client, body, *, base64_encoded, **headers):
    """The event as API Gateway would make it, which the test client does not."""
    gateway_event = {
        "requestContext": {"httpMethod": "POST", "resourcePath": "/v1/t", "path": "/v1/t"},
        "headers": {name.replace("_", "-"): value for name, value in headers.items()},
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "body": body,
        "isBase64Encoded": base64_encoded,
    }
    return client.lambda_._app(gateway_event, None)


@pytest.mark.parametrize(
    ("body", "base64_encoded", "headers"),
    [
        (json.dumps(ANY_CALL), False, {}),
        (json.dumps(ANY_CALL), False, {"Content_Encoding": "gzip"}),  # inflated on the way, the header left
        (base64.b64encode(json.dumps(ANY_CALL).encode()).decode(), True, {}),
        (base64.b64encode(gzipped(ANY_CALL)).decode(), True, {"Content_Encoding": "gzip"}),
    ],
)
def test_bodies_as_the_gateway_hands_them_over(client, api, body, base64_encoded, headers):
    assert invoke(client, body, base64_encoded=base64_encoded, **headers)["statusCode"] == 200
    assert len(api.stored()) == 1


@pytest.mark.parametrize(
    ("body", "base64_encoded", "headers"),
    [
        (None, False, {}),
        ("", False, {}),
        ("%%%", True, {}),
        ("\ud800", False, {}),
        (base64.b64encode(json.dumps(ANY_CALL).encode()).decode(), True, {"Content_Encoding": "gzip"}),
    ],
)
def test_bodies_that_cannot_be_read(client, api, body, base64_encoded, headers):
    response = invoke(client, body, base64_encoded=base64_encoded, Origin=ORIGIN, **headers)
    assert response["statusCode"] == 400
    assert response["headers"]["Access-Control-Allow-Origin"] == ORIGIN
    assert json.loads(response["body"])["code"] == "malformed_body"
    assert not api.sent()


def test_metrics_of_browsers_are_answered_and_forgotten(client, api):
    assert is_accepted(post(client, "/v1/m", b'{"series":[]}', Content_Type="text/plain"))
    assert is_accepted(post(client, "/v1/m", b"not json", Content_Type="text/plain"))
    assert not api.sent()
    assert api.discarded() == api.discarded("unknown") == {}


@pytest.mark.parametrize("path", EVERY_PATH)
@pytest.mark.parametrize("origin", [ORIGIN, "null", None])
def test_every_path_answers_preflights(client, path, origin):
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,X-Own"}
    response = client.http.options(path, headers=asked | ({"Origin": origin} if origin else {}))
    headers = response.headers
    assert response.status_code == 200
    assert headers["Access-Control-Allow-Origin"] == (origin or "*")
    assert headers.get("Access-Control-Allow-Credentials") == ("true" if origin else None)
    assert headers["Access-Control-Allow-Methods"] == "GET, POST, OPTIONS"
    assert headers["Access-Control-Allow-Headers"] == "authorization, content-type, x-retry-count, x-own"
    assert headers["Access-Control-Max-Age"] == "86400"


@pytest.mark.parametrize("asked", [None, "", " , ;", "Content-Type,AUTHORIZATION"])
def test_preflights_always_name_the_headers_of_clients(client, asked):
    headers = {} if asked is None else {"Access-Control-Request-Headers": asked}
    response = client.http.options("/v1/t", headers=headers)
    assert response.headers["Access-Control-Allow-Headers"] == "authorization, content-type, x-retry-count"


def check_cors(response):
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert response.headers["Access-Control-Allow-Credentials"] == "true"
    assert response.headers["Vary"] == "Origin"
    assert response.headers["Access-Control-Expose-Headers"] == "Retry-After, X-RateLimit-Reset"
    assert response.headers["Content-Type"] == "application/json"


def check_failure(response, status):
    assert response.status_code == status
    body = response.json_body
    assert body["success"] is False
    assert all(isinstance(body[name], str) and body[name] for name in ("code", "message", "error"))
    check_cors(response)


def test_browsers_may_read_every_answer(monkeypatch, client):
    accepted = post(client, "/v1/t", ANY_CALL, Origin=ORIGIN, Content_Type="text/plain", Authorization=basic(KEY + ":"))
    assert is_accepted(accepted)
    check_cors(accepted)
    check_cors(post(client, "/v1/m", b"", Origin=ORIGIN))
    check_failure(post(client, "/v1/t", b"{", Origin=ORIGIN), 400)
    check_failure(post(client, "/v1/t", track(), Origin=ORIGIN), 400)

    failing = serve(monkeypatch, SimpleNamespace(intake=Api(queues=FailingQueues()).intake))
    unavailable = post(failing, "/v1/t", ANY_CALL, Origin=ORIGIN)
    check_failure(unavailable, 503)
    assert int(unavailable.headers["Retry-After"]) > 0


def test_an_unexpected_fault_is_an_answer_too(monkeypatch, caplog):
    broken = serve(monkeypatch, SimpleNamespace())
    check_failure(post(broken, "/v1/t", ANY_CALL, Origin=ORIGIN), 500)
    assert "A tracking request failed" in caplog.text


def test_without_an_origin_everybody_may_read(client):
    headers = post(client, "/v1/t", ANY_CALL).headers
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in headers
