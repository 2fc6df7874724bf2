"""API tokens: whoever shows the secret is let in, but only its hash is kept, and the secret is shown once."""

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..clock import Clock
from ..errors import Conflict
from ..ids import Ids
from .body import Body
from .model import ADMIN, API_TOKEN, PROFILE_TOKEN, SCOPES, Token
from .opaque import opaque_id
from .ports import SPACE_PREFIX
from .storage import IssuedToken, Storage, issued_token_key, space_key, token_key, workspace_partition

KINDS = (API_TOKEN, PROFILE_TOKEN)


class Made(NamedTuple):
    """A new token and its secret, which nobody can tell afterwards."""

    token: Token
    secret: str


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def keep(storage: Storage, secret: str, token: Token) -> Token:
    """Let `secret` stand for `token`, or for the equal one it stands for already.

    Raises Conflict when it stands for something else.
    """
    hashed = digest(secret)
    present = storage.tokens.find(token_key(hashed)) or token
    if _reach(present) == _reach(token):  # listed first: no token may open anything that nobody can revoke
        listed = IssuedToken(token=present, digest=hashed)
        storage.issued_tokens.ensure(issued_token_key(present.workspace_id, present.id), listed)
        present = storage.tokens.ensure(token_key(hashed), present)
    if _reach(present) != _reach(token):
        raise Conflict("this token is in use for something else")
    return present


def _reach(token: Token) -> tuple[str, str, str | None, str]:
    return token.kind, token.workspace_id, token.space_id, token.scope


class Tokens:
    """The tokens of workspaces: of the management API, with a scope, and of the Profile API, each of one space."""

    def __init__(self, storage: Storage, ids: Ids, clock: Clock) -> None:
        self._storage, self._ids, self._clock = storage, ids, clock

    def every(self, workspace_id: str) -> list[Token]:
        """Oldest first."""
        found = self._storage.issued_tokens.every(workspace_partition(workspace_id), "token#")
        return sorted((issued.token for issued in found), key=lambda token: (token.created_at, token.id))

    def get(self, workspace_id: str, token_id: str) -> Token:
        """Raises NotFound."""
        return self._storage.issued_tokens.get(issued_token_key(workspace_id, token_id)).token

    def create(self, workspace_id: str, content: Mapping[str, Any], by: str) -> Made:
        """`content` is a request body, `by` the id of the token that asks. Raises Invalid, NotFound for the space."""
        body = Body(content)
        name, kind = body.required_text("name"), body.choice("kind", KINDS) or API_TOKEN
        scope, space_id = body.choice("scope", SCOPES, required=kind == API_TOKEN), body.text("spaceId")
        _check_reach(body, kind)
        body.done()
        if space_id is not None:
            space_id = space_id.removeprefix(SPACE_PREFIX)
            self._storage.spaces.get(space_key(workspace_id, space_id))
        token = Token(
            id=opaque_id(self._ids),
            kind=kind,
            workspace_id=workspace_id,
            space_id=space_id,
            created_at=self._clock.now(),
            scope=scope or ADMIN,
            name=name,
            created_by=by,
        )
        secret = self._ids.secret()
        return Made(keep(self._storage, secret, token), secret)

    def revoke(self, workspace_id: str, token_id: str) -> None:
        """Raises NotFound, and Conflict for the last token that could issue others."""
        issued = self._storage.issued_tokens.get(issued_token_key(workspace_id, token_id))
        if _is_admin(issued.token) and sum(map(_is_admin, self.every(workspace_id))) == 1:
            raise Conflict("this is the only token that may issue others; issue another one like it first")
        self._storage.tokens.delete(token_key(issued.digest))
        self._storage.issued_tokens.delete(issued_token_key(workspace_id, token_id))


def _is_admin(token: Token) -> bool:
    return token.kind == API_TOKEN and token.scope == ADMIN


def _check_reach(body: Body, kind: str) -> None:
    if kind == PROFILE_TOKEN:
        body.required_text("spaceId")
        if body.has("scope"):
            body.reject("scope", "tokens of the Profile API have no scope")
    elif body.has("spaceId"):
        body.reject("spaceId", "tokens of the management API are of the whole workspace")
