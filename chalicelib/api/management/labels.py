"""Labels of the workspace and of its sources."""

from typing import Any

from chalice.app import Blueprint

from ...workspace.model import Source
from . import shapes
from .endpoint import SUCCESS, Call, endpoint

routes = Blueprint(__name__)

LABELS = "/labels"
OF_SOURCE = "/sources/{source_id}/labels"


@endpoint(routes, "POST", LABELS, status=201)
def create_label(call: Call) -> dict[str, Any]:
    return {"label": shapes.label(call.workspaces.labels.create(call.workspace_id, call.content()))}


@endpoint(routes, "GET", LABELS)
def list_labels(call: Call) -> dict[str, Any]:
    return {"labels": [shapes.label(label) for label in call.workspaces.labels.every(call.workspace_id)]}


@endpoint(routes, "DELETE", LABELS + "/{label_key}/{label_value}")
def delete_label(call: Call) -> dict[str, Any]:
    call.workspaces.labels.delete(call.workspace_id, call.id("label_key"), call.id("label_value"))
    return SUCCESS


@endpoint(routes, "POST", OF_SOURCE)
def add_labels_to_source(call: Call) -> dict[str, Any]:
    return {"labels": [shapes.label(label) for label in call.workspaces.labels.add(_source(call), call.content())]}


@endpoint(routes, "PUT", OF_SOURCE)
def replace_labels_in_source(call: Call) -> dict[str, Any]:
    return {"labels": [shapes.label(label) for label in call.workspaces.labels.replace(_source(call), call.content())]}


def _source(call: Call) -> Source:
    return call.workspaces.sources.get(call.workspace_id, call.id("source_id"))
