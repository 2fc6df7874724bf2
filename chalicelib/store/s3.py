"""The archive on S3."""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from ..errors import NotFound
from .faults import code_of, translated


class S3Archive:
    def __init__(self, client: Any, bucket: str) -> None:
        self._client, self._bucket = client, bucket

    def put(self, key: str, body: bytes, metadata: Mapping[str, str] | None = None) -> None:
        with translated("s3"):
            self._client.put_object(Bucket=self._bucket, Key=key, Body=body, Metadata=dict(metadata or {}))

    def get(self, key: str) -> bytes:
        try:
            with translated("s3"):
                body: bytes = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
                return body
        except ClientError as error:
            if code_of(error) == "NoSuchKey":
                raise NotFound(f"no archive object {key}") from error
            raise

    def list(self, prefix: str) -> list[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        with translated("s3"):
            return [found["Key"] for page in pages for found in page.get("Contents", [])]
