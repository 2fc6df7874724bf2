"""API tokens: whoever shows the secret is let in, but only its hash is kept."""

import hashlib

from ..errors import Conflict
from .model import Token
from .storage import Storage, token_key


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def keep(storage: Storage, secret: str, token: Token) -> Token:
    """Let `secret` stand for `token`, or for the equal one it stands for already.

    Raises Conflict when it stands for something else.
    """
    present = storage.tokens.ensure(token_key(digest(secret)), token)
    if (present.kind, present.workspace_id, present.space_id) != (token.kind, token.workspace_id, token.space_id):
        raise Conflict("this token is in use for something else")
    return present
