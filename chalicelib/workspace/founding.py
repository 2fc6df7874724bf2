"""The beginning: a workspace with one space, what belongs to it and the tokens to reach it."""

from typing import NamedTuple

import msgspec

from ..clock import Clock
from ..computations.keys import snake_case
from ..errors import Conflict
from ..ids import Ids
from ..records import Records
from .model import API_TOKEN, ENGAGE, PROFILE_TOKEN, Source, Space, Token, Workspace
from .opaque import opaque_id
from .shelf import Shelf
from .source_kinds import ENGAGE_KIND
from .sources import place_source
from .storage import Place, Storage, founding_key, founding_secret_key, index_key, space_key, workspace_key
from .tokens import digest, keep

FIRST_SOURCE = "website"
FIRST_TOKEN = "First"  # noqa: S105 - the name of a token, not a token


class Founded(NamedTuple):
    """The tokens are None when the workspace exists already and they were not passed in: only hashes are kept."""

    workspace_id: str
    space_id: str
    engage_source_id: str
    source_id: str
    write_key: str
    api_token: str | None
    profile_token: str | None


class _Plan(msgspec.Struct, kw_only=True):
    """The ids a workspace is founded with, written before anything else: a founding that was killed half way is
    completed with the same ids by the next one."""

    workspace_id: str
    space_id: str
    engage_source_id: str
    source_id: str
    write_key: str
    created_at: int


class _Use(msgspec.Struct, kw_only=True):
    """Which workspace a secret of the deployment was used for."""

    slug: str


def use_up(records: Records, secret: str, slug: str) -> None:
    """A secret founds one workspace, however often. Raises Conflict when it is to found another one."""
    used = Shelf(records, _Use).ensure(founding_secret_key(digest(secret)), _Use(slug=slug))
    if used.slug != slug:
        raise Conflict(f"this secret was used for the workspace {used.slug!r}: set another one to found another")


def found(
    records: Records,
    ids: Ids,
    clock: Clock,
    *,
    slug: str,
    name: str,
    space_name: str = "Main",
    write_key: str | None = None,
    api_token: str | None = None,
    profile_token: str | None = None,
) -> Founded:
    """The workspace with this slug, made unless it exists.

    A write key passed in is used when the workspace is made; tokens passed in are valid afterwards in any case.
    Raises Conflict when one of them belongs to somebody else.
    """
    storage = Storage(records, clock)
    plan = _plan(Shelf(records, _Plan), ids, clock, slug, write_key)
    if storage.workspaces.find(workspace_key(plan.workspace_id)) is None:
        api_token, profile_token = api_token or ids.secret(), profile_token or ids.secret()
        _keep_tokens(storage, plan, ids, api_token, profile_token)
        _make(storage, plan, slug, name, space_name)
    else:
        _keep_tokens(storage, plan, ids, api_token, profile_token)
    return Founded(
        plan.workspace_id,
        plan.space_id,
        plan.engage_source_id,
        plan.source_id,
        plan.write_key,
        api_token,
        profile_token,
    )


def _plan(plans: Shelf[_Plan], ids: Ids, clock: Clock, slug: str, write_key: str | None) -> _Plan:
    plan = _Plan(
        workspace_id=opaque_id(ids),
        space_id=opaque_id(ids),
        engage_source_id=opaque_id(ids),
        source_id=opaque_id(ids),
        write_key=write_key or ids.secret(),
        created_at=clock.now(),
    )
    return plans.ensure(founding_key(slug), plan)


def _keep_tokens(storage: Storage, plan: _Plan, ids: Ids, api: str | None, profile: str | None) -> None:
    for kind, secret, space_id in ((API_TOKEN, api, None), (PROFILE_TOKEN, profile, plan.space_id)):
        if secret is not None:
            token = Token(
                id=opaque_id(ids),
                kind=kind,
                workspace_id=plan.workspace_id,
                space_id=space_id,
                created_at=plan.created_at,
                name=FIRST_TOKEN,
            )
            keep(storage, secret, token)


def _make(storage: Storage, plan: _Plan, slug: str, name: str, space_name: str) -> None:
    home = Place(workspace_id=plan.workspace_id, id=plan.space_id)
    storage.places.ensure(index_key("space", plan.space_id), home)
    for source in (_engage_source(plan), _first_source(plan)):
        place_source(storage, source)
    storage.spaces.ensure(space_key(plan.workspace_id, plan.space_id), _space(plan, space_name))
    # Last, because its presence says that everything else is there.
    workspace = Workspace(id=plan.workspace_id, slug=slug, name=name, created_at=plan.created_at)
    storage.workspaces.ensure(workspace_key(plan.workspace_id), workspace)


def _space(plan: _Plan, name: str) -> Space:
    return Space(
        id=plan.space_id,
        workspace_id=plan.workspace_id,
        slug=snake_case(name) or "space",
        name=name,
        engage_source_id=plan.engage_source_id,
        created_at=plan.created_at,
    )


def _engage_source(plan: _Plan) -> Source:
    return Source(
        id=plan.engage_source_id,
        workspace_id=plan.workspace_id,
        space_id=plan.space_id,
        slug=ENGAGE,
        name=ENGAGE_KIND.name,
        metadata_id=ENGAGE,
        enabled=True,
        write_keys=[],
        created_at=plan.created_at,
    )


def _first_source(plan: _Plan) -> Source:
    return Source(
        id=plan.source_id,
        workspace_id=plan.workspace_id,
        space_id=plan.space_id,
        slug=FIRST_SOURCE,
        name=FIRST_SOURCE.capitalize(),
        metadata_id="javascript",
        enabled=True,
        write_keys=[plan.write_key],
        created_at=plan.created_at,
    )
