"""The archive on S3."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

from botocore.exceptions import ClientError

from ..errors import NotFound, Unavailable, VersionConflict
from ..profiles.ports import Stored
from .faults import code_of, translated

LOST = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "412", "409"})
CHUNK = 1 << 20  # bytes: large files pass through memory in pieces
KEYS_PER_DELETE = 1_000  # what one call takes


class S3Archive:
    def __init__(self, client: Any, bucket: str) -> None:
        self._client, self._bucket = client, bucket

    def put(self, key: str, body: bytes, metadata: Mapping[str, str] | None = None) -> None:
        with translated("s3"):
            self._client.put_object(Bucket=self._bucket, Key=key, Body=body, Metadata=dict(metadata or {}))

    def put_if(self, key: str, body: bytes, etag: str | None) -> str:
        condition = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
        try:
            with translated("s3"):
                written: str = self._client.put_object(Bucket=self._bucket, Key=key, Body=body, **condition)["ETag"]
                return written
        except ClientError as error:
            if code_of(error) in LOST:
                raise VersionConflict(f"archive object {key} was changed") from error
            raise

    def get(self, key: str) -> bytes:
        with _present(key):
            body: bytes = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
            return body

    def find(self, key: str) -> tuple[bytes, str] | None:
        try:
            with _present(key):
                found = self._client.get_object(Bucket=self._bucket, Key=key)
                return found["Body"].read(), found["ETag"]
        except NotFound:
            return None

    def fetch(self, key: str, path: Path) -> None:
        with _present(key):
            body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"]
            with path.open("wb") as file:
                for chunk in body.iter_chunks(CHUNK):
                    file.write(chunk)

    def upload(self, key: str, path: Path) -> None:
        with translated("s3"), path.open("rb") as file:
            self._client.put_object(Bucket=self._bucket, Key=key, Body=file)

    def stat(self, prefix: str, after: str = "", most: int | None = None) -> list[Stored]:
        return [
            Stored(found["Key"], found["Size"], found["ETag"], int(found["LastModified"].timestamp() * 1_000))
            for found in islice(self._listed(prefix, after), most)
        ]

    def url(self, key: str) -> str:
        return f"s3://{self._bucket}/{key}"

    def folders(self, prefix: str) -> list[str]:
        asked = {"Bucket": self._bucket, "Prefix": prefix, "Delimiter": "/"}
        with translated("s3"):
            pages = self._client.get_paginator("list_objects_v2").paginate(**asked)
            found = [one["Prefix"] for page in pages for one in page.get("CommonPrefixes", [])]
        return [name.removeprefix(prefix).removesuffix("/") for name in found]

    def list(self, prefix: str) -> list[str]:
        return [found["Key"] for found in self._listed(prefix)]

    def delete(self, keys: Iterable[str]) -> None:
        every = [*keys]
        for start in range(0, len(every), KEYS_PER_DELETE):
            some = every[start : start + KEYS_PER_DELETE]
            objects = {"Objects": [{"Key": key} for key in some], "Quiet": True}
            with translated("s3"):
                refused = self._client.delete_objects(Bucket=self._bucket, Delete=objects).get("Errors", [])
            if refused:
                raise Unavailable(f"s3: {len(refused)} objects were not deleted")

    def link(self, key: str, seconds: int, filename: str) -> str:
        shown = f"attachment; filename*=UTF-8''{quote(filename, safe='')}"
        asked = {"Bucket": self._bucket, "Key": key, "ResponseContentDisposition": shown}
        url: str = self._client.generate_presigned_url("get_object", Params=asked, ExpiresIn=seconds)
        return url

    def upload_link(self, key: str, seconds: int) -> str:
        asked = {"Bucket": self._bucket, "Key": key}
        url: str = self._client.generate_presigned_url("put_object", Params=asked, ExpiresIn=seconds)
        return url

    def _listed(self, prefix: str, after: str = "") -> Iterator[Any]:
        begin = {"StartAfter": after} if after else {}
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix, **begin)
        with translated("s3"):
            for page in pages:
                yield from page.get("Contents", [])


@contextmanager
def _present(key: str) -> Iterator[None]:
    try:
        with translated("s3"):
            yield
    except ClientError as error:
        if code_of(error) == "NoSuchKey":
            raise NotFound(f"no archive object {key}") from error
        raise
