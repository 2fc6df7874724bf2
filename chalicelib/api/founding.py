"""The first request to a fresh deployment: whoever knows its secret founds the first workspace, once."""

import hmac
from typing import Any

from chalice.app import Blueprint, Response

from .. import bootstrap
from ..errors import NotFound, Unauthorized
from ..workspace.body import Body
from ..workspace.founding import Founded, found, use_up
from . import exchange
from .management import endpoint

routes = Blueprint(__name__)

FIRST_WORKSPACE = "main"


@routes.route("/bootstrap", methods=["POST"], content_types=endpoint.ANY_CONTENT_TYPE)
def found_workspace() -> Response:
    """Again it tells the same ids, but no secret a second time. Without a secret in the settings it is no route."""
    try:
        return exchange.json_response(200, {"data": _found()})
    except Exception as error:
        status, errors = endpoint.refusal(error)
        return exchange.json_response(status, {"errors": errors})


def _found() -> dict[str, Any]:
    application, request = bootstrap.current(), routes.current_request
    _check(exchange.headers(request).get("authorization", ""), application.founding_secret)
    body = Body(endpoint.json_object(request))
    slug = body.text("slug") or FIRST_WORKSPACE
    name, space_name = body.text("name") or slug.capitalize(), body.text("spaceName") or "Main"
    body.done()
    a = application.adapters
    use_up(a.workspace, application.founding_secret, slug)
    return shown(found(a.workspace, a.ids, a.clock, slug=slug, name=name, space_name=space_name))


def _check(authorization: str, secret: str) -> None:
    scheme, _, given = authorization.partition(" ")
    if not secret:
        raise NotFound("There is no such route.")
    if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), secret.encode()):
        raise Unauthorized("send the secret of this deployment: `Authorization: Bearer <secret>`")


def shown(founded: Founded) -> dict[str, Any]:
    """Secrets only of a workspace that was made just now."""
    is_new = founded.api_token is not None
    secrets = {"writeKey": founded.write_key, "apiToken": founded.api_token, "profileToken": founded.profile_token}
    return {
        "isNew": is_new,
        "workspaceId": founded.workspace_id,
        "spaceId": founded.space_id,
        "sourceId": founded.source_id,
        "engageSourceId": founded.engage_source_id,
        **(secrets if is_new else {}),
    }
