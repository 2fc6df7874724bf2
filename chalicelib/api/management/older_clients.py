"""Bodies as clients from before 2025-09 send them, brought to the form of today."""

from typing import Any

from ...computations.computation import DEFAULT_EXTERNAL_IDS

ANONYMOUS_ID = "anonymous_id"


def audience(content: dict[str, Any]) -> dict[str, Any]:
    """The type used to stand in the definition, and anonymous people were asked for by a flag. Where both forms are
    given, that of today counts."""
    return _with_type(_with_external_ids(content))


def _with_type(content: dict[str, Any]) -> dict[str, Any]:
    definition = content.get("definition")
    if content.get("audienceType") is not None or not isinstance(definition, dict) or "type" not in definition:
        return content
    return content | {"audienceType": definition["type"]}


def _with_external_ids(content: dict[str, Any]) -> dict[str, Any]:
    options = content.get("options")
    if not isinstance(options, dict) or options.get("includeAnonymousUsers") is not True:
        return content
    if options.get("filterByExternalIds") is not None:
        return content
    return content | {"options": options | {"filterByExternalIds": [*DEFAULT_EXTERNAL_IDS, ANONYMOUS_ID]}}
