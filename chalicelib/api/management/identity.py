"""How a space tells people apart. These routes are additions of Muster's."""

from typing import Any, TypeVar

import msgspec
from chalice.app import Blueprint

from ... import bootstrap
from ...errors import Invalid, NotFound
from ...identity.external_id import ACCOUNTS, USERS
from ...identity.rules import LONGEST_VALUE, Rules, TypeRule, problems
from ...instants import to_iso
from ...pipeline import identity_log
from ...profiles.lookup import is_profile_id
from ...profiles.profile import Profile
from ...workspace.body import Body
from .endpoint import Call, endpoint

routes = Blueprint(__name__)

T = TypeVar("T")

RULES = "/spaces/{space_id}/identity-rules"
LOG = "/spaces/{space_id}/identity-log"
MERGES = "/spaces/{space_id}/profiles/{profile_id}/merges"
CONSENT = "/spaces/{space_id}/profiles/{profile_id}/consent"


@endpoint(routes, "GET", RULES)
def get_identity_rules(call: Call) -> dict[str, Any]:
    return {"identityRules": _shown(call.workspaces.identity_rules.get(call.space().id))}


@endpoint(routes, "PUT", RULES)
def put_identity_rules(call: Call) -> dict[str, Any]:
    """All rules at once: what is left out returns to its default. They hold for what is processed from now on."""
    space, rules = call.space(), _read(call.content())
    call.workspaces.identity_rules.put(space.id, rules)
    return {"identityRules": _shown(rules)}


@endpoint(routes, "GET", LOG)
def list_identity_log(call: Call) -> dict[str, Any]:
    """Violations, blocked values, new identifiers and merges of the last 30 days, the newest first; a page may be short
    of its count and still have a next one."""
    space, log = call.space(), bootstrap.current().identity_log
    filters = _filters(Body(call.parameters))

    def entries(count: int, cursor: str | None) -> tuple[list[Any], str | None]:
        page = log.page(space.id, **filters, limit=count, cursor=cursor)
        return [msgspec.to_builtins(entry) | {"at": to_iso(entry.at)} for entry in page.entries], page.cursor

    found, pagination = call.forward(entries, identity_log.MOST)
    return {"identityLog": found, "pagination": pagination}


def _filters(body: Body) -> dict[str, Any]:
    filters = {
        "kind": body.choice("kind", identity_log.KINDS),
        "value": body.text("value", longest=LONGEST_VALUE),
        "since": body.instant("since"),
        "until": body.instant("until"),
    }
    body.done()
    return filters


@endpoint(routes, "GET", MERGES)
def list_merges(call: Call) -> dict[str, Any]:
    """Everybody who was merged into the profile, at first or second hand, the newest first. A profile that was merged
    away shows the history of its survivor."""
    profile = _profile(call)
    merges = sorted(profile.head.merges, key=lambda merge: (-merge.at, merge.profile_id))
    shown, pagination = call.page(merges)
    return {
        "profileId": profile.profile_id,
        "merges": [
            {"profileId": m.profile_id, "at": to_iso(m.at), "messageId": m.message_id, "sourceId": m.source_id}
            for m in shown
        ],
        "pagination": pagination,
    }


@endpoint(routes, "GET", CONSENT)
def get_consent(call: Call) -> dict[str, Any]:
    """What the person agreed to, by category: true, false, or "conflict" where people who became one had not answered
    alike. Of a profile that was merged away, what holds for its survivor."""
    profile = _profile(call)
    preferences = sorted(profile.head.consent.items())
    return {
        "profileId": profile.profile_id,
        "consent": {category: {"value": p.value, "updatedAt": to_iso(p.at)} for category, p in preferences},
    }


def _profile(call: Call) -> Profile:
    profile_id = call.id("profile_id")
    collection = ACCOUNTS if profile_id.startswith("acc_") else USERS
    profile = bootstrap.current().lookup.find(call.space().id, collection, profile_id)
    if profile is None or not is_profile_id(profile_id):
        raise NotFound("there is no profile with this id")
    return profile


def _shown(rules: Rules) -> dict[str, Any]:
    """Types with their defaults filled in."""
    complete = msgspec.structs.replace(rules, types={type: rules.of(type) for type in rules.types})
    return dict(msgspec.to_builtins(complete))


def _read(content: dict[str, Any]) -> Rules:
    """Raises Invalid with everything that is wrong, in its form and in what it says."""
    body = Body(content)
    rules = _given(
        Rules,
        types=_types(body),
        priority=_texts(body, "priority"),
        custom=_texts(body, "custom"),
        auto_add=body.flag("autoAdd"),
        properties_email=body.flag("propertiesEmail"),
        cross_domain_id=body.flag("crossDomainId"),
        braze_id=body.flag("brazeId"),
        mappings_limit=body.integer("mappingsLimit"),
        merges_limit=body.integer("mergesLimit"),
    )
    found = [*body.problems, *problems(rules)]
    if found:
        raise Invalid(*found)
    return rules


def _types(body: Body) -> dict[str, TypeRule] | None:
    types = body.mapping("types")
    if types is None:
        return None
    named = Body(types, "types.", body.problems)
    return {type: _type(named.inner(type, required=True)) for type in types}


def _type(body: Body) -> TypeRule:
    return _given(
        TypeRule,
        limit=body.integer("limit"),
        period=body.text("period"),
        blocked_values=_texts(body, "blockedValues"),
        blocked_patterns=_texts(body, "blockedPatterns"),
        normalise=body.text("normalise"),
    )


def _texts(body: Body, name: str) -> list[str] | None:
    """Their number and length are for the rules to judge."""
    values = body.items(name)
    if values is not None and not all(isinstance(value, str) for value in values):
        body.reject(name, f'"{body.path}{name}" must be a list of strings')
        return None
    return values


def _given(made: type[T], **fields: Any) -> T:
    return made(**{name: value for name, value in fields.items() if value is not None})
