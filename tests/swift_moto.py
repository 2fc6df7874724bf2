"""moto without what it works out anew at every call: the same answers in half the time.

Nothing here changes an answer. What depends on nothing but its arguments is remembered, and items are put in order by
plain values where moto compares wrapped ones.
"""

import time
from collections.abc import Iterable
from functools import cache
from typing import Any

import pytest
from botocore import useragent
from moto.core import responses, serialize
from moto.core.utils import camelcase_to_underscores, method_names_from_class
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table
from moto.kms.utils import generate_private_key
from moto.sqs import models as queues

Pickers, Serializer = serialize.XFormedAttributePicker, serialize.ResponseSerializer


def quicken(patch: pytest.MonkeyPatch) -> None:
    underscored = cache(camelcase_to_underscores)
    for module in (responses, queues):
        patch.setattr(module, "camelcase_to_underscores", underscored)
    patch.setattr(responses, "method_names_from_class", cache(method_names_from_class))
    patch.setattr("moto.kms.models.generate_private_key", cache(generate_private_key))  # nothing is signed with it
    patch.setattr(queues, "unix_time_millis", _milliseconds)
    cleaned = cache(useragent.sanitize_user_agent_string_component)
    patch.setattr(useragent, "sanitize_user_agent_string_component", cleaned)
    patch.setattr(DynamoType, "cast_value", property(_cast))
    patch.setattr(Table, "all_items", _in_order)
    patch.setattr("moto.dynamodb.parsing.ast_nodes.DepthFirstTraverser.traverse", _traverse)
    patch.setattr(Pickers, "get_possible_keys", _possible_keys)
    patch.setattr(Serializer, "get_value", _value)


def _milliseconds() -> float:
    return time.time() * 1000


def _cast(value: DynamoType, otherwise: Any = DynamoType.cast_value.fget) -> Any:  # type: ignore[attr-defined]
    return value.value if value.type in ("S", "B", "BOOL") else otherwise(value)


def _in_order(table: Table) -> list[Any]:
    if table.range_key_attr is None:
        return sorted(table.items.values(), key=lambda item: item.hash_key.cast_value)
    partitions = sorted((found for found in table.items.values() if found), key=_partition)
    return [item for found in partitions for item in sorted(found.values(), key=_place)]


def _partition(found: dict[Any, Any]) -> Any:
    return next(iter(found.values())).hash_key.cast_value


def _place(item: Any) -> Any:
    return item.range_key.cast_value


def _traverse(traverser: Any, node: Any) -> Any:
    """What a traverser does with which nodes is asked of it once, not at each node."""
    processing, kinds = traverser._processing_map(), traverser.nodes_to_be_processed()
    traverser._processing_map, traverser.nodes_to_be_processed = lambda: processing, lambda: kinds
    return traverser.traverse_node_recursively(node)


_POSSIBLE: dict[tuple[str, int], tuple[Any, Any, list[str]]] = {}


def _possible_keys(picker: Any, context: Any, otherwise: Any = Pickers.get_possible_keys) -> Iterable[str]:
    """For dicts they depend on the shape alone, which is held lest its id is given to another."""
    if type(context.obj) is not dict or picker.alias_providers is not serialize.DEFAULT_ALIAS_PROVIDERS:
        return list(otherwise(picker, context))
    shape, parent = context.shape, getattr(context.shape, "parent", None)
    known = _POSSIBLE.get((context.key, id(shape)))
    if known is None or known[0] is not shape or known[1] is not parent:
        known = shape, parent, list(otherwise(picker, context))
        _POSSIBLE[context.key, id(shape)] = known
    return known[2]


def _value(serializer: Any, value: Any, key: str, shape: Any, otherwise: Any = Serializer.get_value) -> Any:
    """A member of a dict under the first key that it has, where nothing is made of it on the way."""
    known, parent = _POSSIBLE.get((key, id(shape))), getattr(shape, "parent", None)
    if type(value) is not dict or known is None or known[0] is not shape or known[1] is not parent:
        return otherwise(serializer, value, key, shape)
    if type(serializer._value_picker) is not Pickers or serializer._value_picker.response_transformers:
        return otherwise(serializer, value, key, shape)
    return next((value[name] for name in known[2] if name in value), None)
