"""What every operation takes and gives, declared once: bodies are held to it, and the document is made of it."""

from collections.abc import Mapping
from functools import cache

from .operation import Group, Operation


@cache
def management() -> Mapping[tuple[str, str], Operation]:
    """The operations of the management API, by method and path."""
    from . import (
        archive,
        computations,
        deliveries,
        errands,
        filters,
        journey_figures,
        journeys,
        people,
        plumbing,
        sources,
        subscriptions,
        vocabulary,
        watching,
        workspace,
    )

    groups = (
        *workspace.GROUPS,
        *sources.GROUPS,
        *plumbing.GROUPS,
        *deliveries.GROUPS,
        *filters.GROUPS,
        *subscriptions.GROUPS,
        *vocabulary.GROUPS,
        *computations.GROUPS,
        *journeys.GROUPS,
        *journey_figures.GROUPS,
        *errands.GROUPS,
        *people.GROUPS,
        *archive.GROUPS,
        *watching.GROUPS,
    )
    return {(one.method, one.path): one for group in groups for one in group.operations}


@cache
def groups() -> tuple[Group, ...]:
    """Of all APIs."""
    from . import (
        archive,
        computations,
        deliveries,
        errands,
        filters,
        journey_figures,
        journeys,
        people,
        plumbing,
        profiles,
        sources,
        subscriptions,
        tracking,
        vocabulary,
        watching,
        workspace,
    )

    return (
        *tracking.GROUPS,
        *profiles.GROUPS,
        *computations.GROUPS,
        *journeys.GROUPS,
        *journey_figures.GROUPS,
        *errands.GROUPS,
        *sources.GROUPS,
        *plumbing.GROUPS,
        *deliveries.GROUPS,
        *filters.GROUPS,
        *subscriptions.GROUPS,
        *vocabulary.GROUPS,
        *workspace.GROUPS,
        *people.GROUPS,
        *archive.GROUPS,
        *watching.GROUPS,
    )
