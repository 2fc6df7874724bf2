"""Runs that somebody asks for, and a fresh look at what needs none."""

from typing import Any

from chalice.app import Blueprint

from ... import bootstrap
from ...computations.computation import USERS, Computation
from ...errors import Invalid, Problem
from .audiences import AUDIENCE, find_audience, in_full
from .computed_traits import TRAIT, find_trait
from .endpoint import Call, endpoint
from .versions import ALPHA_ONLY

routes = Blueprint(__name__)


@endpoint(routes, "POST", AUDIENCE + "/runs", versions=ALPHA_ONLY)
def force_audience_run(call: Call) -> dict[str, Any]:
    return _forced(find_audience(call))


@endpoint(routes, "POST", TRAIT + "/runs")
def force_computed_trait_run(call: Call) -> dict[str, Any]:
    return _forced(find_trait(call))


@endpoint(routes, "POST", AUDIENCE + "/refresh")
def refresh_audience(call: Call) -> dict[str, Any]:
    """Size, status and progress as they are now. Nobody is evaluated again: everybody is up to date."""
    audience = find_audience(call)
    if audience.scope != USERS:
        raise Invalid(Problem("this is computed in runs: start one at `runs`", "audienceType"))
    progress = bootstrap.current().overviews.of(audience).progress
    return {"audience": in_full(call, [audience])[0], "progress": progress}


def _forced(computation: Computation) -> dict[str, Any]:
    return {"run": {"id": bootstrap.current().run_requests.force(computation)}}
