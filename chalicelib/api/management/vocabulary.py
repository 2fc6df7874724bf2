"""Which events, properties and traits a space knows."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from chalice.app import Blueprint

from ... import bootstrap
from ...clock import DAY
from ...computations.catalogue import is_audience
from ...computations.computation import USERS
from ...errors import NotFound
from ...instants import to_iso
from ...pipeline.vocabulary import Sheet, Vocabulary
from ...workspace.body import Body
from ..contract.vocabulary import COLLECTIONS, CONTEXT, DIRECTIONS, MOST_SAMPLES, PROPERTY
from .endpoint import Call, endpoint
from .versions import ALPHA_ONLY

routes = Blueprint(__name__)

T = TypeVar("T")

SPACE = "/spaces/{space_id}"
EVENTS = SPACE + "/events"
PROPERTIES = EVENTS + "/{event_name}/properties"
TRAITS = SPACE + "/traits"

FEW = 20  # samples unless somebody asks for others
LAST_SEEN = "lastSeenAt"
OF_AUDIENCES = ["true", "false"]


class Known(NamedTuple):
    """A name, when it was seen last (epoch ms), its kind and samples."""

    name: str
    at: int
    type: str
    samples: Sequence[str] = ()


@endpoint(routes, "GET", EVENTS, versions=ALPHA_ONLY)
def list_events(call: Call) -> dict[str, Any]:
    events = [Known(one.name, one.day * DAY, one.type) for one in _vocabulary().events(call.space().id)]
    found, pagination = call.page(_chosen(call, events, "name", LAST_SEEN, "desc"))
    return {"events": [{"name": one.name, "type": one.type, **_seen(one)} for one in found], "pagination": pagination}


@endpoint(routes, "GET", PROPERTIES, versions=ALPHA_ONLY)
def list_properties(call: Call) -> dict[str, Any]:
    name, samples = call.name("event_name"), _samples(call)
    properties = _known(_properties(call), PROPERTY)
    found, pagination = call.page(_chosen(call, properties, "name", LAST_SEEN, "desc"))
    shown = [
        {"name": one.name, "type": one.type, "eventName": name, **_seen(one), **samples(one.samples)} for one in found
    ]
    return {"eventProperties": shown, "pagination": pagination}


@endpoint(routes, "GET", PROPERTIES + "/{property_name}/sample-values", versions=ALPHA_ONLY)
def list_sample_values_of_property(call: Call) -> dict[str, Any]:
    properties, name = _properties(call), call.name("property_name")
    if call.parameters.get("propertyType") == CONTEXT:
        return {"sampleValues": []}
    if name not in properties:
        raise NotFound("the event has no property of this name")
    return {"sampleValues": properties[name].samples}


@endpoint(routes, "GET", TRAITS, versions=ALPHA_ONLY)
def list_traits(call: Call) -> dict[str, Any]:
    """Forwards only: clients know no way back here."""
    samples = _samples(call)
    found, pagination = call.page(_chosen(call, _traits(call), "trait", "trait", "asc"))
    shown = [{"trait": one.name, "type": one.type, **_seen(one), **samples(one.samples)} for one in found]
    return {"traits": shown, "pagination": {name: pagination[name] for name in ("current", "next", "totalEntries")}}


@endpoint(routes, "GET", TRAITS + "/{trait_key}/sample-values", versions=ALPHA_ONLY)
def list_sample_values_of_trait(call: Call) -> dict[str, Any]:
    key = call.name("trait_key")
    for one in _traits(call):
        if one.name == key:
            return {"sampleValues": list(one.samples)}
    raise NotFound("there is no trait with this key")


def _properties(call: Call) -> Sheet:
    space, name = call.space(), call.name("event_name")
    properties = _vocabulary().properties(space.id, name)
    if not properties and all(one.name != name for one in _vocabulary().events(space.id)):
        raise NotFound("there is no event of this name")
    return properties


def _traits(call: Call) -> list[Known]:
    """Those that were sent, and those that are computed, of whom the latter hold. What steps of journeys write is told
    with the journey."""
    space, collection = call.space(), _choice(call, "collection", COLLECTIONS) or COLLECTIONS[0]
    found = {one.name: one for one in _known(_vocabulary().traits(space.id, collection), "CUSTOM")}
    for item in bootstrap.current().directory.view(space.id).catalogue.by_id.values():
        one = item.computation
        if one.journey_id is None and (one.scope == USERS) == (collection == COLLECTIONS[0]):
            type, samples = ("AUDIENCE", OF_AUDIENCES) if is_audience(one) else ("COMPUTED", [])
            found[one.key] = Known(one.key, one.updated_at, type, samples)
    return list(found.values())


def _known(sheet: Sheet, type: str) -> list[Known]:
    return [Known(name, seen.day * DAY, type, seen.samples) for name, seen in sheet.items()]


def _chosen(call: Call, items: Sequence[Known], name: str, by: str, direction: str) -> list[Known]:
    """Those that were searched for, in the order that was asked for; names decide between equals."""
    by = _choice(call, "sortBy", (name, LAST_SEEN)) or by
    direction = _choice(call, "sortDir", DIRECTIONS) or direction
    searched = call.parameters.get("search", "").casefold()
    found = sorted((one for one in items if searched in one.name.casefold()), key=lambda one: (one.name, one.type))
    key: Callable[[Known], Any] = (lambda one: one.at) if by == LAST_SEEN else (lambda one: one.name)
    return sorted(found, key=key, reverse=direction == "desc")


def _choice(call: Call, name: str, choices: Sequence[str]) -> str | None:
    body = Body(call.parameters)
    chosen = body.choice(name, choices)
    body.done()
    return chosen


def _samples(call: Call) -> Callable[[Sequence[str]], dict[str, list[str]]]:
    """How samples are shown: not at all unless they were asked for."""
    asked = _choice(call, "includeSampleValues", ("true", "false")) == "true"
    count = _count(call)
    return lambda samples: {"samples": list(samples)[:count]} if asked else {}


def _count(call: Call) -> int:
    text = call.parameters.get("samplesCount")
    if text is None:
        return FEW
    body = Body({"samplesCount": _number(text)})
    count = body.number("samplesCount", whole=True, least=1, most=MOST_SAMPLES)
    body.done()
    return int(count or FEW)


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _seen(one: Known) -> dict[str, str]:
    return {LAST_SEEN: to_iso(one.at)}


def _vocabulary() -> Vocabulary:
    return bootstrap.current().vocabulary
