"""The APIs described: for programs, and for people."""

from functools import cache

import msgspec
from chalice.app import Blueprint, Response

routes = Blueprint(__name__)

# A deployment does not change while it runs, so what was read once is good for a while.
CACHED = {"Cache-Control": "public, max-age=300", "Access-Control-Allow-Origin": "*"}


@routes.route("/openapi.json", methods=["GET"])
def openapi() -> Response:
    return Response(_json(), {"Content-Type": "application/json", **CACHED}, 200)


@routes.route("/reference", methods=["GET"])
def reference() -> Response:
    return Response(_page(), {"Content-Type": "text/html; charset=utf-8", **CACHED}, 200)


# Imported here: nobody who sends events shall wait for documents to load.


@cache
def _json() -> str:
    from .openapi import document

    return msgspec.json.encode(document()).decode()


@cache
def _page() -> str:
    from .openapi import document
    from .reference import page

    return page(document())
