"""The AWS clients of one process, each made when first needed and then shared by all threads."""

import logging
import threading
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from pynamodb.connection import Connection

CONNECT_SECONDS = 2  # the services are in the same region: a slower connection is a broken one
READ_SECONDS = 10  # leaves room for the retries within a Lambda timeout of 60 s
ATTEMPTS = 3  # in all, with botocore's jittered backoff between them


class Clients:
    """`endpoint_url` points every client at an emulator."""

    def __init__(self, region: str, endpoint_url: str | None = None) -> None:
        self.region, self.endpoint_url = region, endpoint_url
        self._lock = threading.RLock()
        self._made: dict[str, Any] = {}
        self._session = boto3.session.Session(region_name=region)
        # Both log request bodies at DEBUG, which hold personal data and secrets.
        for name in ("pynamodb", "botocore"):
            logging.getLogger(name).setLevel(logging.WARNING)

    @cached_property
    def dynamodb(self) -> Connection:
        """The connection that all tables share; its `client` is botocore's."""
        connection = Connection(
            region=self.region,
            host=self.endpoint_url,
            connect_timeout_seconds=CONNECT_SECONDS,
            read_timeout_seconds=READ_SECONDS,
            retry_configuration={"mode": "standard", "total_max_attempts": ATTEMPTS},
        )
        with self._lock:
            _ = connection.client  # made here, because two threads must not make it at once
        return connection

    @property
    def sqs(self) -> Any:
        return self.client("sqs")

    @property
    def s3(self) -> Any:
        return self.client("s3")

    @property
    def kms(self) -> Any:
        return self.client("kms")

    def client(self, service: str) -> Any:
        """The client of any service, with the timeouts and retries of all the others."""
        with self._lock:
            if service not in self._made:
                self._made[service] = self._make(service)
            return self._made[service]

    def _make(self, service: str) -> Any:
        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            # Links to objects are else signed in a way that newer regions refuse.
            signature_version="s3v4" if service == "s3" else None,
            # Emulators do not answer to host names per bucket.
            s3={"addressing_style": "path" if self.endpoint_url else "auto"},
        )
        return self._session.client(service, endpoint_url=self.endpoint_url, config=config)
