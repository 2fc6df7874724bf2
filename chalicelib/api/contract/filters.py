"""Declared: filters and subscriptions, which cannot be made here."""

from .operation import Group, Operation
from .shape import JsonObject, Name, Pagination, Sent, Shown, Success, Text
from .workspace import MOST

DESTINATION = "/destination/{destination_id}/filters"
SUBSCRIPTIONS = "/destinations/{destination_id}/subscriptions"
REFUSED = "Refused with 422: it would not be kept to."


class NewSpaceFilter(Sent, kw_only=True):
    integration_id: Name
    name: Text | None = None


class SpaceFiltersQuery(Sent, kw_only=True):
    integration_id: Name


class ListedSpaceFilters(Shown, kw_only=True):
    filters: list[JsonObject]


class AnyFilter(Sent, kw_only=True):
    title: Text | None = None


class AnySubscription(Sent, kw_only=True):
    name: Text | None = None
    action_id: Text | None = None


class ListedFilters(Shown, kw_only=True):
    filters: list[JsonObject]
    pagination: Pagination


class ListedSubscriptions(Shown, kw_only=True):
    subscriptions: list[JsonObject]
    pagination: Pagination


def _of_one(path: str, what: str) -> list[Operation]:
    """There is none."""
    return [Operation(method, path, f"{verb} a {what}", Success) for method, verb in VERBS]


VERBS = (("GET", "Get"), ("PATCH", "Update"), ("DELETE", "Delete"))

GROUPS = (
    Group(
        "Filters and subscriptions",
        "For clients that look for them: there are none, and none can be made.",
        (
            Operation("POST", "/filters", "Create a filter of a space", Success, takes=NewSpaceFilter, note=REFUSED),
            Operation("GET", "/filters", "List filters of a space", ListedSpaceFilters, asks=SpaceFiltersQuery),
            *_of_one("/filters/{filter_id}", "filter of a space"),
            Operation("POST", DESTINATION, "Create a filter of a destination", Success, takes=AnyFilter, note=REFUSED),
            Operation("GET", DESTINATION, "List filters of a destination", ListedFilters, most=MOST),
            *_of_one(DESTINATION + "/{filter_id}", "filter of a destination"),
            Operation(
                "POST", "/destination/filters/preview", "Preview a filter", Success, takes=AnyFilter, note=REFUSED
            ),
            Operation("POST", SUBSCRIPTIONS, "Create a subscription", Success, takes=AnySubscription, note=REFUSED),
            Operation("GET", SUBSCRIPTIONS, "List subscriptions", ListedSubscriptions, most=MOST),
            *_of_one(SUBSCRIPTIONS + "/{subscription_id}", "subscription"),
        ),
    ),
)
