"""The kinds of source an owner can choose from: the libraries and plain HTTP that speak the tracking API."""

from collections.abc import Mapping
from typing import NamedTuple

from .model import ENGAGE


class SourceKind(NamedTuple):
    """`metadata_id` is what `POST /sources` takes as `metadataId`."""

    metadata_id: str
    slug: str
    name: str
    description: str
    categories: tuple[str, ...]


def _library(slug: str, name: str, runs_where: str, category: str = "Server") -> SourceKind:
    return SourceKind(slug, slug, name, f"Events from {runs_where}, sent by the {name} tracking library.", (category,))


_CHOICES = (
    _library("javascript", "JavaScript", "web pages", "Website"),
    _library("ios", "Swift", "iPhone, iPad, Mac and Apple TV apps", "Mobile"),
    _library("android", "Kotlin", "Android apps", "Mobile"),
    _library("node", "Node.js", "Node.js servers"),
    _library("python", "Python", "Python servers and jobs"),
    _library("go", "Go", "Go servers"),
    _library("java", "Java", "Java servers"),
    _library("ruby", "Ruby", "Ruby servers"),
    _library("php", "PHP", "PHP servers"),
    SourceKind("http-api", "http-api", "HTTP API", "Events from anything that can send an HTTP request.", ("Server",)),
)

SOURCE_KINDS: Mapping[str, SourceKind] = {kind.metadata_id: kind for kind in _CHOICES}

ENGAGE_KIND = SourceKind(
    ENGAGE, ENGAGE, "Engage", "What a space sends out: destinations on this source take audiences.", ("Engage",)
)


# With the kind that only spaces have and nobody can choose.
ALL_KINDS: Mapping[str, SourceKind] = {**SOURCE_KINDS, ENGAGE: ENGAGE_KIND}
