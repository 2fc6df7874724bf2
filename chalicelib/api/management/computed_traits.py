"""Computed traits of a space."""

from typing import Any

from chalice.app import Blueprint

from ...computations.computation import Computation
from . import shapes
from .endpoint import SUCCESS, Call, endpoint
from .versions import ALPHA_ONLY

routes = Blueprint(__name__)

TRAITS = "/spaces/{space_id}/computed-traits"
TRAIT = TRAITS + "/{trait_id}"


@endpoint(routes, "POST", TRAITS, versions=ALPHA_ONLY)
def create_computed_trait(call: Call) -> dict[str, Any]:
    created = call.workspaces.computed_traits.create(call.space(), call.content(), call.token.id)
    return {"computedTrait": shapes.computed_trait(created)}


@endpoint(routes, "GET", TRAITS, versions=ALPHA_ONLY)
def list_computed_traits(call: Call) -> dict[str, Any]:
    found, pagination = call.page(call.workspaces.computed_traits.every(call.space().id))
    return {"computedTraits": [shapes.computed_trait(trait) for trait in found], "pagination": pagination}


@endpoint(routes, "GET", TRAIT, versions=ALPHA_ONLY)
def get_computed_trait(call: Call) -> dict[str, Any]:
    return {"computedTrait": shapes.computed_trait(find_trait(call))}


@endpoint(routes, "PATCH", TRAIT, versions=ALPHA_ONLY)
def update_computed_trait(call: Call) -> dict[str, Any]:
    changed = call.workspaces.computed_traits.update(find_trait(call), call.content(), call.token.id)
    return {"computedTrait": shapes.computed_trait(changed)}


@endpoint(routes, "DELETE", TRAIT, versions=ALPHA_ONLY)
def delete_computed_trait(call: Call) -> dict[str, Any]:
    call.workspaces.computed_traits.delete(find_trait(call))
    return SUCCESS


def find_trait(call: Call) -> Computation:
    """The computed trait in the path. Raises NotFound."""
    return call.workspaces.computed_traits.get(call.space().id, call.id("trait_id"))
