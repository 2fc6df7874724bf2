"""Tokens of the management API and of the Profile API. These routes are additions of Muster's."""

from typing import Any

from chalice.app import Blueprint

from ...instants import to_iso
from ...workspace.model import API_TOKEN, Token
from .access import TOKENS
from .endpoint import SUCCESS, Call, endpoint

routes = Blueprint(__name__)

TOKEN = TOKENS + "/{token_id}"


@endpoint(routes, "POST", TOKENS)
def create_token(call: Call) -> dict[str, Any]:
    """The secret is in this answer and nowhere else."""
    made = call.workspaces.tokens.create(call.workspace_id, call.content(), call.token.id)
    return {"token": {**_shown(made.token), "secret": made.secret}}


@endpoint(routes, "GET", TOKENS)
def list_tokens(call: Call) -> dict[str, Any]:
    tokens, pagination = call.page(call.workspaces.tokens.every(call.workspace_id))
    return {"tokens": [_shown(token) for token in tokens], "pagination": pagination}


@endpoint(routes, "GET", TOKEN)
def get_token(call: Call) -> dict[str, Any]:
    return {"token": _shown(call.workspaces.tokens.get(call.workspace_id, call.id("token_id")))}


@endpoint(routes, "DELETE", TOKEN)
def revoke_token(call: Call) -> dict[str, Any]:
    """Workers that know the token already let it in for up to 30 seconds more."""
    call.workspaces.tokens.revoke(call.workspace_id, call.id("token_id"))
    return SUCCESS


def _shown(token: Token) -> dict[str, Any]:
    reach = {"scope": token.scope} if token.kind == API_TOKEN else {"spaceId": token.space_id}
    return {
        "id": token.id,
        "name": token.name,
        "kind": token.kind,
        **reach,
        "createdBy": token.created_by,
        "createdAt": to_iso(token.created_at),
    }
