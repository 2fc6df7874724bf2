"""Declared: subscriptions of destinations to actions."""

from typing import Annotated

from ...workspace.mapping_settings import LARGEST
from ...workspace.subscriptions import MOST
from .filters import Condition
from .operation import Group, Operation
from .shape import JsonObject, Name, Pagination, Sent, Shown, Success, Text, about
from .workspace import MOST as MOST_LISTED

SUBSCRIPTIONS = "/destinations/{destination_id}/subscriptions"
SUBSCRIPTION = SUBSCRIPTIONS + "/{subscription_id}"

Settings = Annotated[
    JsonObject,
    about(
        "By the keys of the action's fields; what is not given is as the destination has it. The body of requests may "
        'hold `{"@path": "$.traits.email"}` and `{"@template": "Hello {{traits.name}}"}`, which stand for what is in '
        f"the event. At most {LARGEST} bytes."
    ),
]
ActionId = Annotated[Name, about("One of the `actions` that the metadata of the destination lists.")]


class NewSubscription(Sent, kw_only=True):
    name: Name
    action_id: ActionId
    trigger: Annotated[Condition | None, about("Which events are sent; the action's default unless given.")] = None
    enabled: Annotated[bool | None, about("False unless said.")] = None
    settings: Settings | None = None
    model_id: Annotated[Text | None, about("Not supported.")] = None


class ChangedSubscription(Sent, kw_only=True):
    """What is given replaces what is there; of settings each by itself, and null takes one away."""

    name: Text | None = None
    trigger: Condition | None = None
    enabled: bool | None = None
    settings: Settings | None = None


class SubscriptionChanges(Sent, kw_only=True):
    input: ChangedSubscription


class Subscription(Shown, kw_only=True):
    id: str
    name: str
    action_id: str
    action_slug: str
    destination_id: str
    enabled: bool
    trigger: Condition
    settings: Annotated[JsonObject, about("Without those that are secret.")]


class MadeSubscription(Shown, kw_only=True):
    destination_subscription: Subscription


class GotSubscription(Shown, kw_only=True):
    subscription: Subscription


class ListedSubscriptions(Shown, kw_only=True):
    subscriptions: list[Subscription]
    pagination: Pagination


GROUPS = (
    Group(
        "Subscriptions",
        "Mappings of a destination: which events it gets, and what is made of them. An event that meets several "
        "triggers is sent through each of them; one that meets none is not sent. A destination without subscriptions "
        "gets every event.",
        (
            Operation(
                "POST",
                SUBSCRIPTIONS,
                "Create a subscription",
                MadeSubscription,
                takes=NewSubscription,
                note=f"At most {MOST}; another one is refused with 409.",
            ),
            Operation("GET", SUBSCRIPTIONS, "List subscriptions", ListedSubscriptions, most=MOST_LISTED),
            Operation("GET", SUBSCRIPTION, "Get a subscription", GotSubscription),
            Operation("PATCH", SUBSCRIPTION, "Update a subscription", GotSubscription, takes=SubscriptionChanges),
            Operation("DELETE", SUBSCRIPTION, "Delete a subscription", Success),
        ),
    ),
)
