"""Answers that say of each payload of a batch what became of it (207)."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

MULTI_STATUS = 207

# Where partners put the list, and what they call the status of an item.
_LISTS = ("items", "responses", "results", "multistatus", "data")
_STATUSES = ("status", "statusCode", "status_code", "code")
_DETAIL = 200  # characters: it is looked at, never parsed


class Reply(NamedTuple):
    """An HTTP status for one payload, and the partner's words for it."""

    status: int
    detail: str = ""


def multi_status(status: int, body: bytes, count: int) -> Sequence[Reply] | None:
    """One reply per payload, in the order they were sent; None when the answer has no such list."""
    if status != MULTI_STATUS:
        return None
    try:
        answer = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    listed = answer if isinstance(answer, list) else _listed(answer)
    replies = [reply for reply in map(_reply, listed or ()) if reply]
    return replies if len(replies) == count == len(listed or ()) else None


def _listed(answer: Any) -> list[Any] | None:
    found = answer if isinstance(answer, dict) else {}
    return next((found[name] for name in _LISTS if isinstance(found.get(name), list)), None)


def _reply(item: Any) -> Reply | None:
    if isinstance(item, dict):
        status = next((item[name] for name in _STATUSES if name in item), None)
        detail = item.get("error") or item.get("message") or item.get("errormessage") or ""
    else:
        status, detail = item, ""
    if isinstance(status, bool) or not isinstance(status, int) or not 100 <= status <= 599:
        return None
    return Reply(status, detail[:_DETAIL] if isinstance(detail, str) else "")
