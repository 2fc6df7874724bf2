"""Holding a body to its declaration: everything that is wrong with its form, and nothing undeclared passes."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec
from msgspec import inspect

from ...workspace.body import Body, Content


def read(type: Any, content: Mapping[str, Any]) -> Content:
    """The declared fields of the content, and every problem of their form. What is null or wrong is kept as it is."""
    body = Body(content)
    kept = _fields(_declared(type), body)
    return Content(kept, body.problems)


@cache
def _declared(type: Any) -> inspect.StructType:
    info = inspect.type_info(type)
    if not isinstance(info, inspect.StructType):
        raise TypeError(f"{type} declares no fields")
    return info


def _fields(declared: inspect.StructType, body: Body) -> dict[str, Any]:
    kept = {}
    for field in declared.fields:
        name = field.encode_name
        known = len(body.problems)
        value = _value(_meant(field.type), body, name, field.required)
        if body.gives(name):
            kept[name] = value if len(body.problems) == known else body.content[name]
    return kept


class _Meant:
    """A declared type without what surrounds it: null, absence and descriptions."""

    def __init__(self, type: inspect.Type, schema: Mapping[str, Any]) -> None:
        self.type, self.choices = type, schema.get("enum")


def _meant(type: inspect.Type, schema: Mapping[str, Any] | None = None) -> _Meant:
    schema = schema or {}
    if isinstance(type, inspect.Metadata):
        return _meant(type.type, {**schema, **(type.extra_json_schema or {})})
    if isinstance(type, inspect.UnionType):
        some = [t for t in type.types if not isinstance(t, inspect.NoneType)]
        return _meant(some[0] if len(some) == 1 else inspect.AnyType(), schema)  # of several, services judge
    return _Meant(type, schema)


def _value(meant: _Meant, body: Body, name: str, required: bool) -> Any:
    """What is kept of the field; of the wrong type it leaves a problem behind."""
    match meant.type:
        case inspect.StrType() as text:
            if meant.choices is not None:
                return body.choice(name, meant.choices, required=required)
            return body.text(name, required=required, longest=text.max_length)
        case inspect.BoolType():
            return body.flag(name, required=required)
        case inspect.IntType() as whole:
            return body.number(name, required=required, whole=True, least=whole.ge, most=whole.le)
        case inspect.FloatType() as number:
            return body.number(name, required=required, least=number.ge, most=number.le, above=number.gt)
        case inspect.DictType() as mapping:
            return _mapping(mapping, body, name, required)
        case inspect.ListType() as listed:
            return _list(listed, body, name, required)
        case inspect.StructType() as inner:
            return _fields(inner, body.inner(name, required=required)) if body.has(name) or required else None
    return body.anything(name, required=required)


def _mapping(declared: inspect.DictType, body: Body, name: str, required: bool) -> Any:
    values = body.mapping(name, required=required)
    item = _meant(declared.value_type)
    if values is None or isinstance(item.type, inspect.AnyType):
        return values
    inner = Body(values, f"{body.path}{name}.", body.problems)
    return {key: _value(item, inner, key, True) for key in values}


def _list(declared: inspect.ListType, body: Body, name: str, required: bool) -> Any:
    values = body.items(name, required=required)
    if values is None:
        return None
    if not (declared.min_length or 0) <= len(values) <= (declared.max_length or len(values)):
        body.reject(name, f'"{body.path}{name}" must have {_count(declared)}')
        return None
    inner = Body({str(n): value for n, value in enumerate(values)}, f"{body.path}{name}.", body.problems)
    item = _meant(declared.item_type)
    return [_value(item, inner, str(n), True) for n in range(len(values))]


def _count(declared: inspect.ListType) -> str:
    least, most = declared.min_length or 0, declared.max_length
    if most is None:
        return f"at least {least} items"
    return f"{least} to {most} items" if least else f"at most {most} items"


def check_answer(type: Any, data: Any) -> None:
    """Raises ValidationError for an answer that is not as declared. For tests."""
    msgspec.convert(data, type, strict=True)
