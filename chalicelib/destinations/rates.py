"""How many requests a second partners are known to take from one instance, by the slug of the kind. A flow of several
requests counts as one."""

from collections.abc import Mapping

RATES: Mapping[str, float] = {
    "actions-braze-cloud": 100,
    "actions-customerio": 30,
    "actions-hubspot-cloud": 5,  # objects, each with two requests at most as long as they go one by one
    "actions-intercom-cloud": 8,
    "actions-iterable": 500,
    "actions-iterable-lists": 500,
    "actions-sendgrid": 100,
    "actions-sendgrid-audiences": 100,
    "actions-slack": 1,
}
