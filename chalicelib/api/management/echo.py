"""What a client can try its connection and its token with."""

from typing import Any

from chalice.app import Blueprint

from ...workspace.body import Body
from .endpoint import Call, endpoint

routes = Blueprint(__name__)

# What proves who asks is never sent back, not even to them.
PRIVATE = ("authorization", "cookie")


@endpoint(routes, "GET", "/echo")
def echo(call: Call) -> dict[str, Any]:
    asked = Body(call.parameters)
    message = asked.required_text("message", longest=None)
    asked.done()
    headers = {name: value for name, value in call.headers.items() if name not in PRIVATE}
    return {"method": "get", "message": message, "headers": headers}
