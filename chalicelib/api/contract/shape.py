"""What bodies and answers are declared with. One declaration is what a body is held to, and what the document says."""

from collections.abc import Iterable
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ...workspace.body import LONGEST

JsonObject = dict[str, Any]
Absent = UnsetType  # of a field of an answer that may be left out
ABSENT = UNSET


class Sent(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """A request body or a part of one. Null counts as absent; fields that are not declared are dropped."""


class Shown(msgspec.Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What an answer holds: tests hold every answer to it, in both directions."""


def about(description: str, **more: Any) -> Meta:
    return Meta(description=description, **more)


def one_of(choices: Iterable[str], description: str | None = None) -> Meta:
    """Text out of a list."""
    return Meta(description=description, extra_json_schema={"enum": list(choices)})


Name = Annotated[str, Meta(min_length=1, max_length=LONGEST, pattern=r"\S")]
Text = Annotated[str, Meta(max_length=LONGEST)]
Instant = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]


class Pagination(Shown, kw_only=True):
    """Where a page stands in its list."""

    current: Annotated[str, about("The cursor of this page.")]
    next: Annotated[str | None, about("The cursor of the next page; null on the last one.")]
    previous: Annotated[str | None, about("The cursor of the page before; null on the first one.")]
    total_entries: Annotated[int, about("How many there are on all pages.")]


class ForwardPagination(Shown, kw_only=True):
    """Where a page stands in a list that is only read forwards."""

    current: str
    next: str | None


class Success(Shown, kw_only=True):
    status: Annotated[str, one_of(["SUCCESS"])]


class Problem(Shown, kw_only=True):
    """One thing that went wrong."""

    type: Annotated[str, about("What kind of problem it is, for programs.")]
    message: str
    field: Annotated[str | Absent, about("A dotted path into the body or the query.")] = ABSENT
    data: Annotated[Any, about("Details for programs.")] = ABSENT


class Errors(Shown, kw_only=True):
    """How the management API refuses."""

    errors: list[Problem]
