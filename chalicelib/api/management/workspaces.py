"""The workspace of the token and its spaces."""

from typing import Any

from chalice.app import Blueprint

from . import shapes
from .endpoint import Call, endpoint
from .versions import ALPHA_ONLY

routes = Blueprint(__name__)


@endpoint(routes, "GET", "/")
def get_workspace(call: Call) -> dict[str, Any]:
    return {"workspace": shapes.workspace(call.workspaces.workspace(call.workspace_id))}


@endpoint(routes, "GET", "/spaces", versions=ALPHA_ONLY)
def list_spaces(call: Call) -> dict[str, Any]:
    spaces, pagination = call.page(call.workspaces.spaces(call.workspace_id))
    return {"spaces": [shapes.space(space) for space in spaces], "pagination": pagination}


@endpoint(routes, "GET", "/spaces/{space_id}", versions=ALPHA_ONLY)
def get_space(call: Call) -> dict[str, Any]:
    return {"space": shapes.space(call.space())}
