"""The management API: what an owner sets up, as clients of Segment's Public API expect to see it."""

from . import (
    activations,
    alerts,
    audiences,
    audit,
    catalog,
    computed_traits,
    connections,
    destinations,
    identity,
    merge_preview,
    notifications,
    overview,
    privacy,
    sources,
    tokens,
    workspaces,
)

blueprints = (
    workspaces.routes,
    catalog.routes,
    sources.routes,
    destinations.routes,
    audiences.routes,
    connections.routes,
    activations.routes,
    computed_traits.routes,
    identity.routes,
    merge_preview.routes,
    privacy.routes,
    overview.routes,
    audit.routes,
    notifications.routes,
    alerts.routes,
    tokens.routes,
)
