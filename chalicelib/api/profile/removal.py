"""Taking an external id away from a person. Its refusals have codes of their own."""

from typing import Any

from ... import bootstrap
from ...errors import Invalid, Unauthorized
from ...identity.external_id import USERS, Identifier
from ...identity.rules import BUILT_IN, Rules
from ...profiles.profile import Profile
from ...profiles.removal import NoSuchIdentifier
from .reading import Reading
from .replies import Refused, TooManyRequests

LOOK_UP_TYPE = "user_id"
SUCCESS = {"code": "success", "message": "External identifier has been deleted."}


def delete_external_id(reading: Reading) -> dict[str, Any]:
    user_id = _user_id(reading)
    removed = _removed(reading.body())
    if removed == Identifier(USERS, LOOK_UP_TYPE, user_id):
        raise _bad("The identifier that names the profile cannot be removed.")
    application, space_id = bootstrap.current(), reading.space.id
    holder = application.removal.holder(space_id, user_id)
    if not _may_be_removed(removed.type, holder, application.directory.view(space_id).rules):
        raise Refused(400, "unsupported_eid_type", f"Identifiers of type {removed.type} cannot be removed.")
    if not application.removal_rate.admits(f"{space_id}#{holder.profile_id}"):
        raise TooManyRequests("Identifiers of this profile are removed too often within one second.")
    application.removal.remove(space_id, user_id, removed)
    return SUCCESS


def without_profile(reading: Reading) -> dict[str, Any]:
    """The path of a removal that names no profile; other paths of this length take no POST."""
    if (reading.name, reading.resource) == ("external_ids", "delete"):
        raise _bad("The path must name a profile: user_id:<value>.")
    raise Refused(405, "invalid_request_error", "POST is not possible here.")


def refused(error: Exception) -> Exception:
    """The error as this route tells it."""
    match error:
        case Unauthorized():
            return Refused(401, "unauthorized", str(error))
        case Invalid():
            return _bad(str(error))
        case NoSuchIdentifier():
            return Refused(404, "eid_not_found", str(error))
    return error


def _user_id(reading: Reading) -> str:
    type, _, value = reading.name.partition(":")
    if reading.path["collection"] != USERS:
        raise _bad("Only the identifiers of users can be removed.")
    if type != LOOK_UP_TYPE or not value:
        raise _bad("The profile must be named by its user_id.")
    return value


def _removed(body: Any) -> Identifier:
    listed = body.get("delete_external_ids") if isinstance(body, dict) else None
    if not isinstance(listed, list) or len(listed) != 1:
        raise _bad("`delete_external_ids` must list exactly one identifier.")
    type, id = (listed[0].get("type"), listed[0].get("id")) if isinstance(listed[0], dict) else (None, None)
    if not isinstance(type, str) or not isinstance(id, str) or not type or not id:
        raise _bad("An identifier has an `id` and a `type`, both of them strings.")
    return Identifier(USERS, type, id)


def _may_be_removed(type: str, holder: Profile, rules: Rules) -> bool:
    known = {*BUILT_IN, *rules.types, *rules.custom, *(e.type for e in holder.head.external_ids)}
    return type in known - {"group_id"}


def _bad(message: str) -> Refused:
    return Refused(400, "bad_request", message)
