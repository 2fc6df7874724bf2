"""Everything the local stack consists of, started in order and stopped in the reverse."""

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import msgspec
from botocore.config import Config

from chalicelib import bootstrap
from chalicelib.clock import MovableClock
from chalicelib.profiles.ports import Profiles
from chalicelib.settings import Settings
from chalicelib.store.clients import Clients
from chalicelib.store.keys import SHARDS
from chalicelib.tasks.engine import Engine
from chalicelib.workspace.founding import Founded, found
from infra import resources
from infra.functions import FUNCTIONS

from . import events, meter
from .control import Control
from .emulator import Emulator
from .gateway import Gateway
from .harness import Harness, NextEdge
from .held import HeldQueues
from .server import HOST, LocalServer
from .triggers import Function, Handler, QueueTrigger, ScheduleTrigger, StreamTrigger, Trigger

STACK_FILE = "stack.json"
STACK_NAME = "muster-local"
SETTLE_SECONDS = 2  # of the stack's clock: here a worker is done with a batch within moments


class Stack(NamedTuple):
    """A running stack. `description` is what the stack file holds."""

    description: dict[str, str]
    clock: MovableClock
    harness: Harness
    file: Path


@contextmanager
def running(home: Path, port: int, starts_at: int | None = None) -> Iterator[Stack]:
    """Serving on `port` (0: a free one) inside the block. The product's clock starts at `starts_at` (epoch ms)."""
    home.mkdir(parents=True, exist_ok=True)
    # Left by a stack that was killed.
    (home / STACK_FILE).unlink(missing_ok=True)
    keep_to_this_machine()
    counter = meter.Meter()
    counter.install()
    clock = MovableClock()
    if starts_at is not None:
        clock.move_to(starts_at)
    server = LocalServer(port)
    try:
        with Emulator(home / "emulator.log") as emulator:
            product = _Product(emulator.endpoint_url, clock)
            control = Control(clock, product.harness, counter)
            server.start(Gateway(product.entry_points.app, clock, server.base_url), control)
            product.harness.start()
            try:
                with _described(home / STACK_FILE, server.base_url, product.founded, product.settings) as description:
                    yield Stack(description, clock, product.harness, home / STACK_FILE)
            finally:
                product.harness.stop()
                server.stop()
    finally:
        server.stop()


def keep_to_this_machine() -> None:
    """Credentials that no account knows, no profile of the user's, and no proxy in front of loopback."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(
        AWS_ACCESS_KEY_ID="local",
        AWS_SECRET_ACCESS_KEY="local",  # noqa: S106 - known to nobody
        AWS_DEFAULT_REGION=events.REGION,
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        AWS_EC2_METADATA_DISABLED="true",
    )
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), HOST, "localhost"]))


class _Product:
    """The app on the emulator, with the triggers that turn its functions."""

    def __init__(self, endpoint_url: str, clock: MovableClock) -> None:
        clients = Clients(events.REGION, endpoint_url)
        names = resources.create(clients, STACK_NAME)
        settings = msgspec.structs.replace(names.settings, allow_private_addresses=True)
        adapters = bootstrap.on_aws(settings, clock, clients)
        held = HeldQueues(adapters.queues, clock)
        application = bootstrap.Application(replace(adapters, queues=held), settle_seconds=SETTLE_SECONDS)
        bootstrap.install(application)
        self.entry_points = _entry_points()
        self.founded = found(adapters.workspace, adapters.ids, clock, slug="local", name="Local")
        self.settings = settings
        edges = partial(next_edge, adapters.profiles, application.engine)
        self.harness = _harness(self.entry_points, names, endpoint_url, clock, held, edges)


def _entry_points() -> Any:
    import app

    _log_to_file_only()
    return app


def _log_to_file_only() -> None:
    """In Lambda the standard output is the log; here it is where the user reads.

    Powertools also hides its loggers from the root's handlers, which would lose the traces of broken requests.
    """
    for handler in logging.root.handlers:
        handler.filters.clear()
    for logger in logging.Logger.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            logger.handlers.clear()
            logger.propagate = True


def _harness(
    entry_points: Any,
    names: resources.Names,
    endpoint_url: str,
    clock: MovableClock,
    held: HeldQueues,
    edges: NextEdge,
) -> Harness:
    session = boto3.session.Session(region_name=events.REGION)
    client = partial(session.client, endpoint_url=endpoint_url, config=Config(user_agent_extra=meter.TRIGGERS))
    sqs = client("sqs")

    def queue(name: str, url: str) -> QueueTrigger:
        return QueueTrigger(_function(entry_points, name), sqs, url, held, batch_size=_source(name)["BatchSize"])

    emit = StreamTrigger(
        _function(entry_points, "emit"),
        client("dynamodbstreams"),
        names.profile_stream_arn,
        batch_size=_source("emit")["BatchSize"],
        attempts=_source("emit")["MaximumRetryAttempts"] + 1,
        on_failure=lambda place: sqs.send_message(
            QueueUrl=names.dead_letter_urls["emit"], MessageBody=json.dumps(place)
        ),
    )
    triggers: list[Trigger] = [
        queue("resolve", names.settings.ingest_queue_url),
        emit,
        queue("deliver", names.settings.deliver_queue_url),
        queue("compute", names.settings.compute_queue_url),
    ]
    tick = ScheduleTrigger(_function(entry_points, "tick"), clock)
    return Harness(clock, triggers, tick, held, next_edge=edges)


def next_edge(profiles: Profiles, engine: Engine, before: int) -> int | None:
    """The earliest edge of any profile or task or slot of a schedule up to `before`, all epoch ms."""
    first = [key for shard in range(SHARDS) for key in profiles.due(shard, before, 1).keys]
    found = profiles.load(first) if first else {}
    edges = [profile.due_at for profile in found.values()] + [engine.next_look()]
    return min((edge for edge in edges if edge is not None and edge <= before), default=None)


def _source(name: str) -> dict[str, Any]:
    return FUNCTIONS[name].source or {}


def _function(entry_points: Any, name: str) -> Function:
    handler: Handler = getattr(entry_points, name)
    return Function(name, handler, FUNCTIONS[name].timeout)


@contextmanager
def _described(file: Path, base_url: str, founded: Founded, settings: Settings) -> Iterator[dict[str, str]]:
    description = {
        "base_url": base_url,
        "space_id": founded.space_id,
        "write_key": founded.write_key,
        "profile_token": founded.profile_token or "",
        "api_token": founded.api_token or "",
        "source_id": founded.source_id,
        "engage_source_id": founded.engage_source_id,
        # For those who look at the tables: `make tasks`.
        "endpoint_url": settings.endpoint_url or "",
        "work_table": settings.work_table,
    }
    _write_private(file, json.dumps(description, indent=2) + "\n")
    try:
        yield description
    finally:
        file.unlink(missing_ok=True)


def _write_private(file: Path, text: str) -> None:
    """Whole or not at all: others wait for the file to appear."""
    fresh = file.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    fresh.write_text(text)
    fresh.rename(file)
