"""The OpenAPI document of all three APIs, made of the declarations that bodies are held to."""

from collections.abc import Iterator
from functools import cache
from typing import Any, get_args

import msgspec

from . import contract
from .contract.operation import ANYBODY, FOUNDING, MANAGEMENT, PROFILES, TRACKING, Operation
from .contract.profiles import ProfileErrors
from .contract.shape import Errors
from .contract.tracking import Refusal

Json = dict[str, Any]

VERSION = "1.0.0"
REF = "#/components/schemas/{name}"
LONGEST_ID = 255

INTRODUCTION = """\
Muster takes events in, keeps one profile per person, and tells destinations who enters and leaves audiences.

* **Tracking API**: `POST /v1/track` and its like. The write key of a source is the user name of basic authentication.
* **Profile API**: `GET /v1/spaces/…`. The token of a space is the user name of basic authentication.
* **Management API**: everything else, with a bearer token. A success is `{"data": …}`, a refusal `{"errors": [ … ]}`
  with everything that is wrong at once. The Accept header may ask for `application/vnd.segment.v1+json`, `…v1beta+json`
  or `…v1alpha+json`; bodies of any content type are read as JSON. Objects among the query parameters are taken as
  `pagination={"count":50}`, `pagination[count]=50` or `pagination.count=50`."""

SECURITY: dict[str, list[Json]] = {
    MANAGEMENT: [{"token": []}],
    PROFILES: [{"spaceToken": []}],
    TRACKING: [{"writeKey": []}, {}],  # the key may also stand in the body
    FOUNDING: [{"deploymentSecret": []}],
    ANYBODY: [],
}

# Whose form refusals have.
FAMILIES = {access: access if access in (PROFILES, TRACKING) else MANAGEMENT for access in SECURITY}
FAMILIES[ANYBODY] = TRACKING

SCHEMES: Json = {
    "token": {"type": "http", "scheme": "bearer", "description": "A token of the workspace."},
    "deploymentSecret": {"type": "http", "scheme": "bearer", "description": "The secret of the deployment."},
    "spaceToken": {"type": "http", "scheme": "basic", "description": "A Profile API token as user name, no password."},
    "writeKey": {"type": "http", "scheme": "basic", "description": "A write key as user name, no password."},
}

REFUSALS: dict[str, str] = {
    "400": "The request makes no sense.",
    "401": "No token, or none that is known.",
    "403": "The scope of the token does not reach that far.",
    "404": "There is no such thing, or not in this workspace.",
    "409": "The state of things forbids it.",
    "413": "The body is too large.",
    "422": "The body or the query breaks rules; all of them are listed.",
    "429": "Too many requests; `Retry-After` says when to come back.",
    "default": "Something else went wrong: 500 on our side, 503 where it helps to try again shortly.",
}
OF_READING, OF_PATHS = ("401", "429", "default"), ("404", "422")
OF_CHANGING = ("400", "401", "403", "409", "413", "422", "429", "default")

NULL = {"type": "null"}

PATH_VALUES: dict[str, Json] = {
    "audience_type": {"enum": ["USERS", "ACCOUNTS", "LINKED"]},
    "collection": {"enum": ["users", "accounts"]},
    "external_id": {"description": "`<type>:<value>`, such as `user_id:u1`."},
    "identifier": {"description": "`<type>:<value>`, such as `user_id:u1`, or the id of a profile."},
}


@cache
def document() -> Json:
    """Always the same, in the same order."""
    types = [type for operation in _operations() for type in _types(operation)]
    types += [Errors, ProfileErrors, Refusal]
    named = [type for type in dict.fromkeys(types) if hasattr(type, "__struct_fields__")]
    _, schemas = msgspec.json.schema_components(named, ref_template=REF)
    paths: Json = {}
    for group in contract.groups():
        for operation in group.operations:
            paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, group.name)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Muster", "version": VERSION, "summary": "Events in, live audiences, messages out",
                 "description": INTRODUCTION, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "servers": [{"url": "/", "description": "Wherever this document is served; a stage is part of it."}],
        "tags": [{"name": group.name, "description": group.description} for group in contract.groups()],
        "paths": paths,
        "components": {"schemas": _open(dict(sorted(schemas.items()))), "securitySchemes": SCHEMES,
                       "responses": _responses()},
    }  # fmt: skip


def _operations() -> Iterator[Operation]:
    return (operation for group in contract.groups() for operation in group.operations)


def _types(operation: Operation) -> Iterator[Any]:
    yield from (type for type in (operation.takes, operation.gives) if type is not None)
    if operation.asks is not None:
        yield from (inner for field in msgspec.structs.fields(operation.asks) if (inner := _object(field.type)))


def _object(type: Any) -> Any:
    """The object among a type's parts; None for plain values."""
    return next((part for part in (type, *get_args(type)) if hasattr(part, "__struct_fields__")), None)


def _open(schemas: Any) -> Any:
    """Clients must not break over a field that is added one day; that answers have none too many is tested here. Where
    null is allowed it is one of the choices."""
    if isinstance(schemas, list):
        return [_open(item) for item in schemas]
    if not isinstance(schemas, dict):
        return schemas
    found = {n: _open(s) for n, s in schemas.items() if (n, s) != ("additionalProperties", False)}
    if isinstance(found.get("enum"), list) and NULL in found.get("anyOf", ()):
        found["enum"] = [*found["enum"], None]
    return found


def _operation(operation: Operation, tag: str) -> Json:
    described: Json = {
        "tags": [tag],
        "summary": operation.summary,
        "operationId": _id(operation),
        "security": SECURITY[operation.access],
        "parameters": [*_path_parameters(operation), *_query_parameters(operation)],
        "responses": _answers(operation),
    }
    if operation.takes is not None:
        required = any(field.required for field in msgspec.structs.fields(operation.takes))
        body = {"required": required, "content": {"application/json": {"schema": _schema(operation.takes)}}}
        described["requestBody"] = body
    notes = [operation.note, f"Another name of `{operation.alias_of}`." if operation.alias_of else ""]
    if any(notes):
        described["description"] = " ".join(filter(None, notes))
    return described | ({"deprecated": True} if "/namespaces/" in operation.path else {})


def _id(operation: Operation) -> str:
    """`GET /spaces/{space_id}` is `get_spaces_by_space_id`."""
    words = operation.path.replace("{", "by_").replace("}", "").replace("-", "_").strip("/").replace("/", "_")
    return f"{operation.method.lower()}_{words or 'workspace'}"


def _path_parameters(operation: Operation) -> list[Json]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_ID, **PATH_VALUES.get(name, {})},
        }
        for name in operation.variables
    ]


def _query_parameters(operation: Operation) -> list[Json]:
    found = []
    if operation.asks is not None:
        found = [_query_parameter(operation.asks, field) for field in msgspec.structs.fields(operation.asks)]
    if operation.most:
        schema = {
            "type": "object",
            "properties": {
                "cursor": {"type": "string", "description": "`next` or `previous` of another page."},
                "count": {"type": "integer", "minimum": 1, "maximum": operation.most},
            },
        }
        found.append({"name": "pagination", "in": "query", "content": {"application/json": {"schema": schema}}})
    return found


def _query_parameter(asks: Any, field: msgspec.structs.FieldInfo) -> Json:
    parameter: Json = {"name": field.encode_name, "in": "query", "required": field.required}
    inner = _object(field.type)
    if inner is not None:
        return parameter | {"content": {"application/json": {"schema": _schema(inner)}}}
    schema = _of_field(asks, field)
    if "description" in schema:
        parameter["description"] = schema.pop("description")
    return parameter | {"schema": schema}


def _of_field(asks: Any, field: msgspec.structs.FieldInfo) -> Json:
    """In a query nothing is null: what is not given is absent."""
    _, components = msgspec.json.schema_components([asks])
    schema = dict(components[asks.__name__]["properties"][field.encode_name])
    schema.pop("default", None)
    options = schema.pop("anyOf", None)
    if options:
        schema |= next(option for option in options if option != NULL)
    return schema


def _answers(operation: Operation) -> Json:
    if operation.media:
        success: Json = {"content": {operation.media: {"schema": {"type": "string"}}}}
    else:
        schema = _schema(operation.gives)
        if operation.access in (MANAGEMENT, FOUNDING):
            schema = {"type": "object", "required": ["data"], "properties": {"data": schema}}
        success = {"content": {"application/json": {"schema": schema}}}
    return {str(operation.status): {"description": "Done."} | success} | _refusals(operation)


def _refusals(operation: Operation) -> Json:
    family = FAMILIES[operation.access]
    statuses = {*(OF_READING if operation.method == "GET" else OF_CHANGING), *(OF_PATHS if operation.variables else ())}
    return {s: {"$ref": f"#/components/responses/{family}{s.capitalize()}"} for s in REFUSALS if s in statuses}


def _responses() -> Json:
    shapes = {MANAGEMENT: Errors, PROFILES: ProfileErrors, TRACKING: Refusal}
    return {
        f"{family}{status.capitalize()}": {
            "description": meaning,
            "content": {"application/json": {"schema": _schema(shape)}},
        }
        for family, shape in shapes.items()
        for status, meaning in REFUSALS.items()
    }


def _schema(type: Any) -> Json:
    if hasattr(type, "__struct_fields__"):
        return {"$ref": REF.format(name=type.__name__)}
    return dict(msgspec.json.schema(type))
