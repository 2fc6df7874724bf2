"""Which messages of a request are kept, and under which code each of the others is counted."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..ids import Ids
from .body import Unfit
from .merging import merged
from .request import BATCH_ELEMENTS, SINGLE_KINDS, TrackingRequest

MESSAGE_ID_LENGTH = 100
GROUP_ID_LENGTH = 500
MOST_PROPERTIES = 300  # also of group traits; an identify call must stay below it

CONSENT_EVENT = "Segment Consent Preference Updated"
NOT_FOR_STORAGE = ("writeKey", "_metadata")


class Sifted(NamedTuple):
    """`messages` are good; `discarded` counts the others by code."""

    messages: list[dict[str, Any]]
    discarded: Counter[str]


class _Message(NamedTuple):
    fields: Mapping[str, Any]
    context: Mapping[str, Any]

    def get(self, name: str) -> Any:
        return self.fields.get(name)


_Check = Callable[[_Message], str | None]


def sift(request: TrackingRequest, ids: Ids) -> Sifted:
    """Every kept message has `type` and `messageId`, and ids of accounts and former users are strings."""
    if request.count == 0:
        return Sifted([], Counter({"empty_batch": 1}))
    if request.count > BATCH_ELEMENTS:
        return Sifted([], Counter({"too_many_elements": request.count}))
    sifted = Sifted([], Counter())
    for value in request.messages:
        judged = _judged(value, request, ids)
        if isinstance(judged, str):
            sifted.discarded[judged] += 1
        else:
            sifted.messages.append(judged)
    return sifted


def _judged(value: Any, request: TrackingRequest, ids: Ids) -> dict[str, Any] | str:
    """The message to keep, or the code it is discarded under."""
    if isinstance(value, Unfit):
        return value.code
    if not isinstance(value, dict):
        return "message_not_object"
    fields = _settled(value, request.kind, ids)
    return _discard_code(fields, request.context) or fields


def _settled(sent: Mapping[str, Any], kind: str | None, ids: Ids) -> dict[str, Any]:
    fields = {name: value for name, value in sent.items() if name not in NOT_FOR_STORAGE}
    if kind is not None:
        fields["type"] = kind
    for name in ("groupId", "previousId", "messageId"):
        if name in fields:
            fields[name] = _as_text(fields[name])
    if fields.get("messageId") in (None, ""):
        fields["messageId"] = ids.ksuid("msg_")
    return fields


def _as_text(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return str(int(value)) if value == int(value) else str(value)


def _discard_code(fields: Mapping[str, Any], shared_context: Mapping[str, Any]) -> str | None:
    message = _Message(fields, merged(shared_context, fields.get("context")))
    codes = (check(message) for check in _checks(fields.get("type")))
    return next((code for code in codes if code is not None), None)


def _checks(kind: object) -> tuple[_Check, ...]:
    if not isinstance(kind, str) or kind not in SINGLE_KINDS:
        return (_unknown_type,)
    return _COMMON + _OF_TYPE[kind]


def _unknown_type(_message: _Message) -> str:
    return "type_not_supported"


def _person(message: _Message) -> str | None:
    given = [value for value in (message.get("userId"), message.get("anonymousId")) if value is not None]
    if not given:
        return "no_user_anon_id"
    return None if all(isinstance(value, str) and value for value in given) else "id_not_string"


def _message_id(message: _Message) -> str | None:
    message_id = message.get("messageId")
    if not isinstance(message_id, str):
        return "message_id_not_string"
    return "message_id_too_long" if len(message_id) > MESSAGE_ID_LENGTH else None


def _surroundings(message: _Message) -> str | None:
    # PHP writes an empty object as [].
    for name in ("context", "integrations"):
        if message.get(name) not in (None, []) and not isinstance(message.get(name), dict):
            return f"{name}_not_object"
    return None


def _device(message: _Message) -> str | None:
    device = message.context.get("device")
    advertising_id = device.get("advertisingId") if isinstance(device, dict) else None
    if advertising_id is None or isinstance(advertising_id, str):
        return None
    return "device_advertisingid_should_be_string"


def _event_name(message: _Message) -> str | None:
    if message.get("event") in (None, ""):
        return "event_not_defined"
    return None if isinstance(message.get("event"), str) else "event_not_string"


def _labels(message: _Message) -> str | None:
    for name in ("name", "category"):
        value = message.get(name)
        if value is not None and not (isinstance(value, str) and value):
            return f"{name}_not_string"
    return None


def _properties(message: _Message) -> str | None:
    return _object_of(message, "properties", MOST_PROPERTIES)


def _user_traits(message: _Message) -> str | None:
    return _object_of(message, "traits", MOST_PROPERTIES - 1)


def _account_traits(message: _Message) -> str | None:
    return _object_of(message, "traits", MOST_PROPERTIES)


def _object_of(message: _Message, name: str, most: int) -> str | None:
    value = message.get(name)
    if value is None:
        return None
    if not isinstance(value, dict):
        return f"{name}_not_object"
    return f"too_many_{name}" if len(value) > most else None


def _account(message: _Message) -> str | None:
    group_id = message.get("groupId")
    if group_id in (None, ""):
        return "group_id_required"
    if not isinstance(group_id, str):
        return "group_id_not_string"
    return "group_id_too_long" if len(group_id) > GROUP_ID_LENGTH else None


def _account_of_track(message: _Message) -> str | None:
    group_id = message.context.get("groupId")
    if group_id == "":
        return "context_group_id_empty"
    return "group_id_too_long" if isinstance(group_id, str) and len(group_id) > GROUP_ID_LENGTH else None


def _former_user(message: _Message) -> str | None:
    if message.get("userId") is None:
        return "user_id_required"
    if message.get("previousId") in (None, ""):
        return "previous_id_required"
    return None if isinstance(message.get("previousId"), str) else "previous_id_not_string"


def _consent(message: _Message) -> str | None:
    if message.get("event") != CONSENT_EVENT:
        return None
    consent = message.context.get("consent")
    choices = consent.get("categoryPreferences") if isinstance(consent, dict) else None
    if choices is None:
        return "consent_categorypreferences_should_exist"
    if not isinstance(choices, dict):
        return "consent_categorypreferences_should_be_object"
    if not all(isinstance(choice, bool) for choice in choices.values()):
        return "consent_categorypreferences_fields_should_be_bool"
    return None


_COMMON: tuple[_Check, ...] = (_person, _message_id, _surroundings, _device)
_OF_TYPE: dict[str, tuple[_Check, ...]] = {
    "identify": (_user_traits,),
    "track": (_event_name, _properties, _account_of_track, _consent),
    "page": (_labels, _properties),
    "screen": (_labels, _properties),
    "group": (_account, _account_traits),
    "alias": (_former_user,),
}
