"""What a token may do, by its scope."""

from ...errors import Forbidden
from ...workspace.model import ADMIN, READ, SCOPES, WRITE, Token
from .audited import QUESTIONS

TOKENS = "/tokens"


def check(token: Token, method: str, path: str) -> None:
    """Raises Forbidden. `path` is that of the route, its variable parts in braces."""
    needed = scope_of(method, path)
    if SCOPES.index(token.scope) < SCOPES.index(needed):
        raise Forbidden(f"this needs a token of the scope {needed}, and yours has {token.scope}")


def scope_of(method: str, path: str) -> str:
    """The least scope that may do it."""
    if method == "GET" or (method, path) in QUESTIONS:
        return READ
    return ADMIN if path.startswith(TOKENS) else WRITE
