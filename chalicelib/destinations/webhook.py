"""The webhook: every event as its JSON, in one request, to an address the owner chose."""

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import SplitResult, urlsplit

from ..errors import Problem
from .action import Action, Field
from .json_text import stringify
from .kind import (
    BOOLEAN,
    INTEGER,
    SELECT,
    STRING,
    TEXT_MAP,
    Call,
    DestinationKind,
    Option,
    Payload,
    Request,
    Settings,
)

SIGNATURE = "X-Signature"
BATCH = 1_000  # events in one request, unless the owner says otherwise
LARGEST_BATCH = 4_000

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e]*")
_PRINTABLE = re.compile(r"[\x21-\x7e]+")
# Framing belongs to the transport, connection options to the one hop, and the signature to us.
_RESERVED = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        SIGNATURE.lower(),
    }
)


def _check(settings: Settings) -> Iterator[Problem]:
    if "url" in settings:
        yield from _url_problems(settings["url"])
    yield from _header_problems(settings.get("headers", {}))
    if not 1 <= settings.get("batchSize", BATCH) <= LARGEST_BATCH:
        yield Problem(f"batchSize must be from 1 to {LARGEST_BATCH}", "settings.batchSize")


def _url_problems(url: str) -> Iterator[Problem]:
    parts = _split(url)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        yield Problem("url must be an absolute http or https address", "settings.url")
    elif parts.username is not None or parts.password is not None:
        yield Problem("url must not hold a user name or password; use an Authorization header", "settings.url")


def _split(url: str) -> SplitResult | None:
    if not _PRINTABLE.fullmatch(url) or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        return parts if parts.port != 0 else None
    except ValueError:
        return None


def _header_problems(headers: dict[str, str]) -> Iterable[Problem]:
    seen: set[str] = set()
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name):
            yield Problem("a header name holds characters that are not allowed there", "settings.headers")
        elif name.lower() in _RESERVED or name.lower().startswith("proxy-"):
            yield Problem(f"the header {name} cannot be set", f"settings.headers.{name}")
        elif name.lower() in seen:
            yield Problem(f"the header {name} stands twice", f"settings.headers.{name}")
        elif not _VALUE.fullmatch(value) or value != value.strip():
            yield Problem(
                f"the value of {name} must be printable ASCII without blanks at its ends", f"settings.headers.{name}"
            )
        seen.add(name.lower())


def sign(body: bytes, secret: str) -> str:
    """HMAC-SHA1 of an event as it stands in the body, in lower-case hex."""
    return hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()


def _batch_size(settings: Settings) -> int:
    size: int = settings.get("batchSize", BATCH) if settings.get("enableBatching") else 1
    return size


def _build(items: Sequence[Payload], settings: Settings) -> list[Call]:
    """Batched, the body is an array, also around a single event."""
    texts = [stringify(item) for item in items]
    if not settings.get("enableBatching"):
        return [Call(_request(text, text, settings), (place,)) for place, text in enumerate(texts)]
    return [Call(_request(f"[{','.join(texts)}]", texts[0], settings), tuple(range(len(texts))))] if texts else []


def _request(text: str, signed: str, settings: Settings) -> Request:
    """`signed` is what receivers verify: of a batch that is its first event alone."""
    body = text.encode()
    headers = {"Content-Type": "application/json", "User-Agent": "Muster"}
    for name, value in settings.get("headers", {}).items():
        headers = {kept: text for kept, text in headers.items() if kept.lower() != name.lower()} | {name: value}
    if settings.get("sharedSecret"):
        headers[SIGNATURE] = sign(signed.encode(), settings["sharedSecret"])
    private = settings.get("allowPrivateAddresses", False)
    return Request(settings["method"], settings["url"], headers, body, private)


SEND = Action(
    id="rmQWmhbSaKTVgVxFsnTXPg",
    slug="send",
    name="Send",
    description="Sends an event, or what is made of it, as JSON.",
    trigger='type = "identify" or type = "track" or type = "group" or type = "alias" or type = "delete"',
    fields=(
        Field("url", "URL", "Where the events go; that of the destination unless given.", option="url"),
        Field("method", "Method", "POST, PUT or PATCH.", option="method"),
        Field("headers", "Headers", "Request headers, in place of the destination's.", option="headers"),
        Field("data", "Data", "What is sent: the whole event unless said.", default={"@path": "$"}),
        Field("enable_batching", "Batch events", "Send events together, as a JSON array.", option="enableBatching"),
        Field("batch_size", "Batch size", f"How many at most, up to {LARGEST_BATCH}.", option="batchSize"),
    ),
)

WEBHOOK = DestinationKind(
    metadata_id="614a3c7d791c91c41bae7599",
    slug="actions-webhook",
    name="Webhook",
    description="Sends every audience and trait event as JSON to an HTTP address of yours.",
    website="",
    categories=("Raw Data",),
    options=(
        Option("url", STRING, "Where the events go: an http or https address.", required=True),
        Option(
            "sharedSecret",
            STRING,
            f"If set, {SIGNATURE} carries the HMAC-SHA1 of the event, of a batch its first one, in hex, made with it.",
            secret=True,
        ),
        Option("method", SELECT, "POST, PUT or PATCH.", default="POST", choices=("POST", "PUT", "PATCH")),
        Option("headers", TEXT_MAP, "Further request headers, an Authorization for example.", secret=True),
        Option(
            "allowPrivateAddresses",
            BOOLEAN,
            "Deliver to private and loopback addresses too, where the installation permits it.",
            default=False,
        ),
        Option("enableBatching", BOOLEAN, "Send events together, as a JSON array.", default=False),
        Option("batchSize", INTEGER, f"How many events at most, up to {LARGEST_BATCH}.", default=BATCH),
    ),
    build=_build,
    batch_size=_batch_size,
    check=_check,
    types=frozenset({"identify", "track", "group", "alias", "delete"}),
    actions=(SEND,),
)
