"""Between Chalice's requests and responses and the plain values the services work with."""

import base64
import binascii
from collections.abc import Mapping
from urllib.parse import unquote

import msgspec
from chalice.app import Request, Response

from ..errors import Malformed


def body(request: Request) -> bytes:
    """The body as the client sent it, still compressed if it was. Raises Malformed for broken base64."""
    event = request.to_original_event()
    sent = event.get("body") or b""
    content: bytes = sent if isinstance(sent, bytes) else sent.encode("utf-8", "surrogatepass")
    if not event.get("isBase64Encoded"):
        return content
    try:
        return base64.b64decode(content, validate=True)
    except binascii.Error as error:
        raise Malformed("the body is not base64") from error


def headers(request: Request) -> dict[str, str]:
    """Header values by lower-case name."""
    found = {name.lower(): value for name, value in request.headers.items()}
    if _inflated_by_gateway(request):
        found.pop("content-encoding", None)
    return found


def _inflated_by_gateway(request: Request) -> bool:
    # API Gateway undoes gzip but leaves the header (dougmoscrop/serverless-http#194). Text is the sign of it:
    # compressed bytes can only arrive as bytes or in base64.
    event = request.to_original_event()
    return isinstance(event.get("body"), str) and not event.get("isBase64Encoded")


def query(request: Request) -> dict[str, str]:
    """Query parameters; the last value of a repeated one."""
    sent = request.to_original_event().get("multiValueQueryStringParameters") or {}
    return {name: values[-1] for name, values in sent.items()}


def path_values(request: Request) -> dict[str, str]:
    """The variable parts of the path, percent-decoded: Chalice hands them over as they stand in the URL.

    Bytes that are no text stay visible as such: replaced, they would find what was stored with a character replaced.
    """
    return {name: unquote(value, errors="backslashreplace") for name, value in (request.uri_params or {}).items()}


def address(request: Request) -> str | None:
    """The address of the client, as API Gateway saw it."""
    found: str | None = (request.context.get("identity") or {}).get("sourceIp")
    return found


def json_response(status: int, content: object, headers: Mapping[str, str] | None = None) -> Response:
    """`content` encoded as JSON, whatever msgspec can encode."""
    return Response(
        body=msgspec.json.encode(content).decode(),
        status_code=status,
        headers={"Content-Type": "application/json", **(headers or {})},
    )
