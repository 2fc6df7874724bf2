"""What a workspace may ask for in a minute, and how an answer tells where it stands."""

from collections.abc import Mapping
from email.utils import formatdate

from ... import bootstrap
from ...clock import SECOND
from ...workspace.rates import Consumed

SPACE = "/spaces/{space_id}"
AUDIENCES = SPACE + "/audiences"
AUDIENCE = AUDIENCES + "/{audience_id}"
TRAITS = SPACE + "/computed-traits"
SUBSCRIPTIONS = "/destinations/{destination_id}/subscriptions"
CONNECTIONS = AUDIENCE + "/destination-connections"
ACTIVATIONS = AUDIENCE + "/activations"

# Requests per minute, as clients of the Public API know them; the setting decides of all others.
LIMITS: Mapping[tuple[str, str], int] = {
    ("POST", AUDIENCES): 50,
    ("GET", AUDIENCES): 60,
    ("GET", AUDIENCE): 100,
    ("PATCH", AUDIENCE): 50,
    ("DELETE", AUDIENCE): 50,
    ("POST", AUDIENCES + "/previews"): 5,
    ("GET", AUDIENCES + "/previews/{preview_id}"): 300,
    ("POST", AUDIENCE + "/schedules"): 50,
    ("PATCH", AUDIENCE + "/schedules/{schedule_id}"): 50,
    ("DELETE", AUDIENCE + "/schedules/{schedule_id}"): 50,
    ("GET", AUDIENCE + "/audience-references"): 25,
    ("POST", CONNECTIONS): 50,
    ("GET", CONNECTIONS): 50,
    ("POST", CONNECTIONS + "/{connection_id}/activations"): 50,
    ("GET", ACTIVATIONS): 60,
    ("GET", ACTIVATIONS + "/{activation_id}"): 60,
    ("PATCH", ACTIVATIONS + "/{activation_id}"): 50,
    ("DELETE", ACTIVATIONS + "/{activation_id}"): 50,
    ("GET", SPACE + "/audienceType/{audience_type}/supported-destinations"): 60,
    ("POST", TRAITS): 10,
    ("PATCH", TRAITS + "/{trait_id}"): 10,
    ("DELETE", TRAITS + "/{trait_id}"): 20,
    ("POST", SUBSCRIPTIONS): 5,
    ("PATCH", SUBSCRIPTIONS + "/{subscription_id}"): 5,
    ("DELETE", SUBSCRIPTIONS + "/{subscription_id}"): 5,
    ("GET", SPACE + "/traits"): 25,
    ("GET", SPACE + "/traits/{trait_key}/sample-values"): 25,
    ("GET", SPACE + "/events"): 25,
    ("GET", SPACE + "/events/{event_name}/properties"): 25,
    ("GET", SPACE + "/events/{event_name}/properties/{property_name}/sample-values"): 25,
    ("GET", TRAITS): 25,
    ("GET", TRAITS + "/{trait_id}"): 100,
}


class TooMany(Exception):
    """A workspace asked for the same thing too often within a minute."""

    def __init__(self, consumed: Consumed, now: int) -> None:
        super().__init__("Too many requests")
        self.wait = max(1, consumed.reset_at - now)  # ms
        self.data = {
            "remainingPoints": consumed.remaining,
            "msBeforeNext": self.wait,
            "consumedPoints": consumed.used,
        }
        self.headers = {**_headers(consumed), "Retry-After": str(-(-self.wait // SECOND))}


def admit(workspace_id: str, method: str, path: str) -> dict[str, str]:
    """Headers for the answer. Raises TooMany. `path` is that of the route."""
    application = bootstrap.current()
    consumed = application.rates.consume(f"{workspace_id}#{method} {path}", LIMITS.get((method, path)))
    if consumed is None:
        return {}
    if not consumed.admitted:
        raise TooMany(consumed, application.clock.now())
    return _headers(consumed)


def _headers(consumed: Consumed) -> dict[str, str]:
    return {
        "X-RateLimit-Consumed": str(consumed.used),
        "X-RateLimit-Remaining": str(consumed.remaining),
        "X-RateLimit-Reset": formatdate(consumed.reset_at / SECOND, usegmt=True),
    }
