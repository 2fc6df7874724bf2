"""What the environment tells the product: names of its resources. Read once, by the composition root."""

from collections.abc import Mapping
from typing import Annotated

import msgspec

PREFIX = "MUSTER_"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Field `profiles_table` is read from `MUSTER_PROFILES_TABLE`, and so on.

    `endpoint_url` points all clients at an emulator. `allow_private_addresses` lets webhooks reach loopback and
    private networks; it stays off in the cloud. `profile_api_rate` is how many requests of the Profile API a space may
    have in a second, `management_rate` how many of one operation of the management API a workspace may have in a minute
    unless that operation has a limit of its own; 0 for any number of either. Whoever shows the `bootstrap_secret` may
    found a workspace by HTTP; nobody may when it is empty.
    """

    profiles_table: str
    identifiers_table: str
    timeline_table: str
    workspace_table: str
    work_table: str
    ingest_queue_url: str
    compute_queue_url: str
    deliver_queue_url: str
    archive_bucket: str
    key_id: str
    region: str = "us-east-1"
    endpoint_url: str | None = None
    allow_private_addresses: bool = False
    profile_api_rate: Annotated[int, msgspec.Meta(ge=0)] = 0
    bootstrap_secret: str = ""
    management_rate: Annotated[int, msgspec.Meta(ge=0)] = 0
    settle_seconds: Annotated[int, msgspec.Meta(ge=0)] = 90


class MissingSettings(Exception):
    """Names every variable that is missing."""


def from_environment(environ: Mapping[str, str]) -> Settings:
    """Raises MissingSettings. The region falls back to Lambda's own `AWS_REGION`."""
    values: dict[str, str] = {"region": environ.get("AWS_REGION", "us-east-1")}
    missing = []
    for field in msgspec.structs.fields(Settings):
        name = PREFIX + field.name.upper()
        if name in environ:
            values[field.name] = environ[name]
        elif field.required:
            missing.append(name)
    if missing:
        raise MissingSettings("set these environment variables: " + ", ".join(missing))
    return msgspec.convert(values, Settings, strict=False)
