"""What an event would do to the people of a space. This route is an addition of Muster's."""

from typing import Any

from chalice.app import Blueprint

from ... import bootstrap
from ...identity.external_id import ACCOUNTS, USERS, Identifier
from ...identity.extraction import normalised
from ...identity.resolution import Violation
from ...identity.rulebook import Rulebook, rulebook
from ...identity.rules import LONGEST_NAME, LONGEST_VALUE
from ...instants import to_iso
from ...pipeline.findings import KINDS
from ...profiles.preview import Preview
from ...profiles.profile import Profile
from ...workspace.body import Body
from .endpoint import Call, endpoint

routes = Blueprint(__name__)

MOST_IDENTIFIERS = 20  # more than any event names; each is looked up by itself
COLLECTIONS = (USERS, ACCOUNTS)


@endpoint(routes, "POST", "/spaces/{space_id}/merge-preview")
def preview_merge(call: Call) -> dict[str, Any]:
    """Nothing is written. Identifiers are taken as an event would name them, in the order of extraction."""
    application, space = bootstrap.current(), call.space()
    book = rulebook(application.workspaces.identity_rules.get(space.id))
    named = _named(Body(call.content()), book)
    return {"preview": _shown(application.previews.of(space.id, named, book, application.clock.now()))}


def _named(body: Body, book: Rulebook) -> list[Identifier]:
    collection = body.choice("collection", COLLECTIONS) or USERS
    items = body.items("identifiers")
    if items is None:
        if not body.has("identifiers"):
            body.reject("identifiers", '"identifiers" is required')
    elif not 0 < len(items) <= MOST_IDENTIFIERS:
        body.reject("identifiers", f'"identifiers" must name 1 to {MOST_IDENTIFIERS} identifiers')
    else:
        found = [_identifier(body, place, item, collection, book) for place, item in enumerate(items)]
        body.done()
        return [identifier for identifier in found if identifier is not None]
    body.done()
    return []


def _identifier(body: Body, place: int, item: Any, collection: str, book: Rulebook) -> Identifier | None:
    field = f"identifiers.{place}"
    if not isinstance(item, dict):
        body.reject(field, f'"{field}" must be an object')
        return None
    read = Body(item, f"{field}.", body.problems)
    type = read.required_text("type", longest=LONGEST_NAME)
    value = normalised(type, item.get("id"), book)
    if value is None:
        read.reject("id", f'"{field}.id" must be a string of 1 to {LONGEST_VALUE} characters')
        return None
    if not book.accepts(type) or (type == "group_id" and collection == USERS):
        read.reject("type", f"{collection} of this space have no identifiers of type {type!r}")
    return Identifier(collection, type, value)


def _shown(preview: Preview) -> dict[str, Any]:
    resolution = preview.resolution
    result = preview.result
    kept, fresh = (resolution.kept, resolution.fresh) if resolution else ((), ())
    held = {(e.type, e.value) for profile in result for e in profile.head.external_ids}
    return {
        "outcome": _outcome(preview),
        "survivor": result[0].profile_id if result else None,
        "merged": [profile.profile_id for profile in result[1:]],
        "profiles": [_profile(profile) for profile in preview.profiles],
        "kept": [{**_id(preview, identifier), "added": identifier in fresh} for identifier in kept],
        "demoted": [_demoted(preview, violation) for violation in (resolution.violations if resolution else ())],
        "blocked": [_id(preview, identifier) for identifier in preview.blocked],
        "resulting": {
            "externalIds": len(held) + len(fresh),
            "merges": sum(len(p.head.merges) for p in result) + len(result[1:]),
        },
    }


def _outcome(preview: Preview) -> str:
    if preview.suppressed:
        return "suppressed"
    if preview.resolution is None:
        return "unresolved"
    if preview.resolution.owner is None:
        return "create"
    if preview.resolution.joined:
        return "merge"
    return "add" if preview.resolution.fresh else "match"


def _profile(profile: Profile) -> dict[str, Any]:
    return {
        "id": profile.profile_id,
        "createdAt": to_iso(profile.head.created_at),
        "externalIds": len(profile.head.external_ids),
        "merges": len(profile.head.merges),
    }


def _id(preview: Preview, identifier: Identifier) -> dict[str, Any]:
    """With the profile that has it now."""
    owner = preview.owners.get(identifier)
    return {"type": identifier.type, "id": identifier.value, "profileId": owner.profile_id if owner else None}


def _demoted(preview: Preview, violation: Violation) -> dict[str, Any]:
    """`reason` is worded as in the identity log."""
    return {
        **_id(preview, violation.identifier),
        "reason": KINDS[violation.reason],
        "inExcess": violation.in_excess,
    }
