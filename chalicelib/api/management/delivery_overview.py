"""How far events came on their way to destinations: in the shapes of the Public API, and summed up as an addition."""

from collections.abc import Mapping, Sequence
from typing import Any

from chalice.app import Blueprint

from ... import bootstrap
from ...delivery import figures
from ...delivery.figures import DIMENSIONS, HOURS, SPANS, Asked, Figures, Known, Time
from ...errors import Conflict, Invalid, NotFound, Problem
from ...workspace.body import Body
from ...workspace.model import ENGAGE, Destination, Source
from .endpoint import Call, endpoint

routes = Blueprint(__name__)

OVERVIEW = "/delivery-overview"
STEPS = {
    "successfully-received": figures.CREATION,
    "filtered-at-destination": figures.FILTERING,
    "failed-delivery": figures.FAILURE,
    "successful-delivery": figures.SUCCESS,
}


@endpoint(routes, "GET", OVERVIEW + "/successfully-received")
def get_successfully_received(call: Call) -> dict[str, Any]:
    return _at_source(call, figures.CREATION)


@endpoint(routes, "GET", OVERVIEW + "/failed-on-ingest")
def get_failed_on_ingest(call: Call) -> dict[str, Any]:
    """What a computation makes is well-formed, so there is nothing of this."""
    return _at_source(call, frozenset())


@endpoint(routes, "GET", OVERVIEW + "/filtered-at-source")
def get_filtered_at_source(call: Call) -> dict[str, Any]:
    """Nothing between a computation and its destinations filters, so there is nothing of this."""
    return _at_source(call, frozenset())


@endpoint(routes, "GET", OVERVIEW + "/filtered-at-destination")
def get_filtered_at_destination(call: Call) -> dict[str, Any]:
    return _at_destination(call, figures.FILTERING)


@endpoint(routes, "GET", OVERVIEW + "/failed-delivery")
def get_failed_delivery(call: Call) -> dict[str, Any]:
    return _at_destination(call, figures.FAILURE)


@endpoint(routes, "GET", OVERVIEW + "/successful-delivery")
def get_successful_delivery(call: Call) -> dict[str, Any]:
    return _at_destination(call, figures.SUCCESS)


@endpoint(routes, "GET", "/spaces/{space_id}/delivery-overview")
def get_space_delivery_overview(call: Call) -> dict[str, Any]:
    """An addition of Muster's: every destination of the space in a few figures."""
    space, time = call.space(), _time(call)
    destinations = call.workspaces.destinations.of_source(call.workspace_id, space.engage_source_id)
    shown = [
        {"destinationId": one.id, "name": one.name, "enabled": one.enabled, **_figures().summary(one.id, time)}
        for one in destinations
    ]
    return {"destinations": shown}


@endpoint(routes, "GET", "/destinations/{destination_id}/delivery-breakdown")
def get_delivery_breakdown(call: Call) -> dict[str, Any]:
    """An addition of Muster's: one step by type and name of events, compared with the equal time before."""
    destination, time, asked = _destination(call, call.id("destination_id")), _time(call), _asked(call, _step(call))
    return {"breakdown": _figures().breakdown(destination.id, time, asked, _known(call, _source(call, destination)))}


@endpoint(routes, "GET", "/destinations/{destination_id}/discards")
def get_delivery_discards(call: Call) -> dict[str, Any]:
    """An addition of Muster's: why events did not arrive, compared with the equal time before, with samples."""
    destination, time, asked = _destination(call, call.id("destination_id")), _time(call), _asked(call, _step(call))
    return {"discards": _figures().discards(destination.id, time, asked, _known(call, _source(call, destination)))}


def _at_source(call: Call, steps: frozenset[str]) -> dict[str, Any]:
    time, asked = _time(call), _asked(call, steps)
    source = call.workspaces.sources.get(call.workspace_id, _required(call, "sourceId"))
    if source.metadata_id != ENGAGE:
        raise Conflict("deliveries are counted from the Engage source of a space on", {"sourceId": source.id})
    destinations = call.workspaces.destinations.of_source(call.workspace_id, source.id)
    return _metrics(call, destinations, source, time, asked)


def _at_destination(call: Call, steps: frozenset[str]) -> dict[str, Any]:
    time, asked = _time(call), _asked(call, steps)
    source_id, destination_id = _required(call, "sourceId"), _required(call, "destinationConfigId")
    destination = _destination(call, destination_id)
    if destination.source_id != source_id:
        raise NotFound("the source has no destination with this id")
    return _metrics(call, [destination], _source(call, destination), time, asked)


def _metrics(
    call: Call, destinations: Sequence[Destination], source: Source, time: Time, asked: Asked
) -> dict[str, Any]:
    found = _figures().metrics([one.id for one in destinations], time, asked, _known(call, source))
    dataset, pagination = call.page(found["dataset"])
    return {"total": found["total"], "dataset": dataset, "pagination": pagination}


def _figures() -> Figures:
    return bootstrap.current().figures


def _destination(call: Call, id: str) -> Destination:
    return call.workspaces.destinations.get(call.workspace_id, id)


def _source(call: Call, destination: Destination) -> Source:
    return call.workspaces.sources.get(call.workspace_id, destination.source_id)


def _known(call: Call, source: Source) -> Known:
    view = bootstrap.current().directory.view(source.space_id)
    destinations = call.workspaces.destinations.of_source(call.workspace_id, source.id)
    subscriptions = [subscription.id for destination in destinations for subscription in destination.subscriptions]
    connections = [connection.id for found in view.connections.values() for connection in found]
    activations = [activation.id for found in view.activations.values() for activation in found]
    return figures.known(connections, list(view.catalogue.by_id), source.space_id, subscriptions, activations)


def _required(call: Call, name: str) -> str:
    body = Body(call.parameters)
    found = body.required_text(name)
    body.done()
    return found


def _time(call: Call) -> Time:
    body = Body(call.parameters)
    since, until = body.instant("startTime"), body.instant("endTime")
    granularity = body.choice("granularity", tuple(SPANS)) or HOURS
    for name, instant in (("startTime", since), ("endTime", until)):
        if instant is None and not any(problem.field == name for problem in body.problems):
            body.reject(name, f'"{name}" is required')
    body.done()
    return figures.time_of(since or 0, until or 0, granularity, bootstrap.current().clock.now())


def _step(call: Call) -> frozenset[str]:
    body = Body(call.parameters)
    name = body.choice("step", tuple(STEPS)) or "failed-delivery"
    body.done()
    return STEPS[name]


def _asked(call: Call, steps: frozenset[str]) -> Asked:
    group_by = [name for given in _indexed(call.parameters, "groupBy") for name in _listed(given)]
    filters = {name: _listed(value) for name, value in (call.object_parameter("filter") or {}).items()}
    problems = [
        Problem(f"{name!r} is none of {', '.join(DIMENSIONS)}", field)
        for field, names in (("groupBy", group_by), ("filter", filters))
        for name in names
        if name not in DIMENSIONS
    ]
    if problems:
        raise Invalid(*problems)
    return Asked(steps, list(dict.fromkeys(group_by)), filters)


def _indexed(parameters: Mapping[str, str], name: str) -> list[str]:
    """`groupBy=a,b`, and `groupBy.0=a` or `groupBy[0]=a` as some clients write lists."""
    return [
        value
        for given, value in sorted(parameters.items())
        if given == name or given.startswith((f"{name}.", f"{name}["))
    ]


def _listed(given: Any) -> list[str]:
    if isinstance(given, list):
        return [str(value) for value in given]
    return [part.strip() for part in str(given).strip("[]").replace('"', "").split(",") if part.strip()]
