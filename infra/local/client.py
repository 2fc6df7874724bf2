"""The APIs of a running stack as a customer calls them: over HTTP, with the tokens of the stack file."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import urllib3

Json = dict[str, Any]

# A drain of a whole simulated evening takes seconds; a minute says that something hangs.
TIMEOUT = 120.0


class Refused(Exception):
    """An answer that is not 2xx, with its body."""


class Client:
    """`stack` is the content of the stack file."""

    def __init__(self, stack: dict[str, str]) -> None:
        self.stack = stack
        self._http = urllib3.PoolManager(timeout=TIMEOUT, retries=False)

    @classmethod
    def of_file(cls, file: Path) -> "Client":
        return cls(json.loads(file.read_text()))

    def manage(self, method: str, path: str, body: Json | None = None) -> Json:
        """The management API; the `data` of its envelope."""
        headers = {"Authorization": f"Bearer {self.stack['api_token']}"}
        data: Json = self._ask(method, path, headers, body)["data"]
        return data

    def profile(self, identifier: str, resource: str) -> Json:
        """`identifier` is `type:value`; `resource` may carry a query."""
        path = (
            f"/v1/spaces/{self.stack['space_id']}/collections/users/profiles/{quote(identifier, safe=':')}/{resource}"
        )
        return self._ask("GET", path, urllib3.make_headers(basic_auth=f"{self.stack['profile_token']}:"))

    def local(self, method: str, path: str, body: Json | None = None) -> Json:
        """The control routes."""
        return self._ask(method, f"/_local/{path}", {}, body)

    def _ask(self, method: str, path: str, headers: dict[str, str], body: Json | None = None) -> Json:
        content = None if body is None else json.dumps(body).encode()
        kind = {} if body is None else {"Content-Type": "application/json"}
        answer = self._http.request(method, self.stack["base_url"] + path, body=content, headers={**headers, **kind})
        if not 200 <= answer.status < 300:
            raise Refused(f"{method} {path} answered {answer.status}: {answer.data.decode(errors='replace')}")
        found: Json = answer.json()
        return found
