"""The archive and sealed secrets."""

from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from chalicelib.clock import SECOND, FixedClock, SystemClock
from chalicelib.errors import Invalid, Malformed, NotFound, VersionConflict
from chalicelib.profiles.ports import Archive
from chalicelib.secrecy import Secrets
from chalicelib.store.kms import KmsSecrets
from chalicelib.store.memory import MemoryArchive
from chalicelib.store.s3 import S3Archive
from tests.conftest import Cloud


def test_objects_come_back_and_are_replaced(archive: Archive, space: str) -> None:
    archive.put(f"{space}/a", b"one", {"count": "1"})
    archive.put(f"{space}/a", b"two")
    assert archive.get(f"{space}/a") == b"two"


def test_a_missing_object_is_not_found(archive: Archive, space: str) -> None:
    with pytest.raises(NotFound):
        archive.get(f"{space}/nothing")


def test_keys_are_listed_in_byte_order(archive: Archive, space: str) -> None:
    for name in ("b", "a/2", "a/10"):
        archive.put(f"{space}/{name}", b"")
    assert archive.list(f"{space}/") == [f"{space}/a/10", f"{space}/a/2", f"{space}/b"]
    assert archive.list(f"{space}/a/1") == [f"{space}/a/10"]


def test_more_keys_than_one_answer_holds(cloud: Cloud, space: str) -> None:
    archive = S3Archive(cloud.clients.s3, cloud.names.settings.archive_bucket)
    keys = [f"{space}/{n:04d}" for n in range(1_005)]
    for key in keys:
        archive.put(key, b"")
    assert archive.list(f"{space}/") == keys


def test_metadata_is_kept(cloud: Cloud, space: str) -> None:
    bucket = cloud.names.settings.archive_bucket
    S3Archive(cloud.clients.s3, bucket).put(f"{space}/a", b"", {"count": "3"})
    assert cloud.clients.s3.head_object(Bucket=bucket, Key=f"{space}/a")["Metadata"] == {"count": "3"}


def test_a_first_write_is_for_one(archive: Archive, space: str) -> None:
    etag = archive.put_if(f"{space}/m", b"one", None)
    with pytest.raises(VersionConflict):
        archive.put_if(f"{space}/m", b"two", None)
    assert archive.find(f"{space}/m") == (b"one", etag)


def test_a_write_that_replaces_must_know_what(archive: Archive, space: str) -> None:
    first = archive.put_if(f"{space}/m", b"one", None)
    second = archive.put_if(f"{space}/m", b"two", first)
    assert second != first
    with pytest.raises(VersionConflict):
        archive.put_if(f"{space}/m", b"three", first)
    with pytest.raises(VersionConflict):
        archive.put_if(f"{space}/absent", b"three", first)
    assert archive.find(f"{space}/m") == (b"two", second)
    assert archive.find(f"{space}/absent") is None


def test_objects_pass_through_files(archive: Archive, space: str, tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"x" * 3_000_000)
    archive.upload(f"{space}/large", tmp_path / "out")
    archive.fetch(f"{space}/large", tmp_path / "in")
    assert (tmp_path / "in").read_bytes() == b"x" * 3_000_000
    with pytest.raises(NotFound):
        archive.fetch(f"{space}/nothing", tmp_path / "in")


def test_what_is_stored_tells_its_size_etag_and_time(archive: Archive, space: str, clock: FixedClock) -> None:
    before = SystemClock().now()
    for name in ("b", "a"):
        archive.put(f"{space}/{name}", name.encode() * 3)
    found = archive.stat(f"{space}/")
    assert [(one.key, one.size) for one in found] == [(f"{space}/a", 3), (f"{space}/b", 3)]
    assert [one.etag for one in found] == [etag for _, etag in filter(None, map(archive.find, archive.list(space)))]
    if isinstance(archive, MemoryArchive):
        assert {one.at for one in found} == {clock.now()}
    else:
        assert all(before - SECOND <= one.at <= SystemClock().now() for one in found)


def test_what_is_stored_is_told_from_a_key_on_and_in_part(archive: Archive, space: str) -> None:
    for name in ("a/1", "a/2", "b/1", "c"):
        archive.put(f"{space}/{name}", b"")

    def told(after: str, most: int | None = None) -> list[str]:
        return [one.key.removeprefix(f"{space}/") for one in archive.stat(f"{space}/", after, most)]

    assert told(f"{space}/a") == told("") == ["a/1", "a/2", "b/1", "c"]
    assert told(f"{space}/a/1") == ["a/2", "b/1", "c"]
    assert told(f"{space}/a/1", 2) == ["a/2", "b/1"]
    assert told("", 1) == ["a/1"]
    assert told(f"{space}/d") == []


def test_folders_are_what_keys_have_in_common(archive: Archive, space: str) -> None:
    for name in ("in/b/1", "in/b/2", "in/a/x/1", "in/file", "other/c/1"):
        archive.put(f"{space}/{name}", b"")
    assert archive.folders(f"{space}/in/") == ["a", "b"]
    assert archive.folders(f"{space}/none/") == []


def test_objects_are_deleted_whether_they_exist_or_not(archive: Archive, space: str) -> None:
    archive.put(f"{space}/a", b"")
    archive.put(f"{space}/b", b"")
    archive.delete([f"{space}/a", f"{space}/never"])
    archive.delete([])
    assert archive.list(f"{space}/") == [f"{space}/b"]


def test_more_keys_are_deleted_than_one_call_takes(cloud: Cloud, space: str) -> None:
    archive = S3Archive(cloud.clients.s3, cloud.names.settings.archive_bucket)
    archive.put(f"{space}/1000", b"")
    archive.delete(f"{space}/{n:04d}" for n in range(1_001))
    assert archive.list(f"{space}/") == []


def test_a_link_leads_to_the_object_under_a_name_of_its_own(archive: Archive, space: str) -> None:
    archive.put(f"{space}/a.csv", b"")
    url = urlsplit(archive.link(f"{space}/a.csv", 60, "people of Zürich.csv"))
    assert unquote(url.path).endswith(f"{space}/a.csv")
    assert "people of Zürich.csv" in unquote(unquote(url.query))
    asked = {name.lower().removeprefix("x-amz-"): value for name, (value,) in parse_qs(url.query).items()}
    assert asked.get("seconds") == "60" or asked["expires"] == "60"


def test_a_link_for_an_upload_leads_to_where_the_object_will_be(archive: Archive, space: str) -> None:
    url = urlsplit(archive.upload_link(f"{space}/b.ndjson", 60))
    assert unquote(url.path).endswith(f"{space}/b.ndjson")
    asked = {name.lower().removeprefix("x-amz-"): value for name, (value,) in parse_qs(url.query).items()}
    assert asked.get("seconds") == "60" or "expires" in asked


@pytest.mark.parametrize("plain", ["hunter2", "", "pässwörd 🙂", "x" * 4_000])
def test_a_secret_opens_only_with_its_context(secrets: Secrets, plain: str) -> None:
    sealed = secrets.seal(plain, "des_1")
    assert secrets.open(sealed, "des_1") == plain
    with pytest.raises(Malformed):
        secrets.open(sealed, "des_2")


def test_a_sealed_secret_does_not_show_the_plain_text(secrets: Secrets) -> None:
    assert "hunter2" not in secrets.seal("hunter2", "des_1")


@pytest.mark.parametrize("text", ["", "hunter2", "kms1:", "kms1:%%%", "kms1:AAAA", "memory1:AAAA", "memory1:%"])
def test_what_was_never_sealed_is_malformed(secrets: Secrets, text: str) -> None:
    with pytest.raises(Malformed):
        secrets.open(text, "des_1")


def test_a_damaged_secret_is_malformed(secrets: Secrets) -> None:
    sealed = secrets.seal("hunter2", "des_1")
    with pytest.raises(Malformed):
        secrets.open(sealed[:-8], "des_1")


def test_more_than_the_key_can_encrypt_is_refused(cloud: Cloud) -> None:
    with pytest.raises(Invalid):
        KmsSecrets(cloud.clients.kms, cloud.names.settings.key_id).seal("x" * 4_096, "des_1")


def test_other_services_find_objects_by_their_url(cloud: Cloud) -> None:
    bucket = cloud.names.settings.archive_bucket
    assert S3Archive(cloud.clients.s3, bucket).url("a/b") == f"s3://{bucket}/a/b"
    assert MemoryArchive().url("a/b") == "memory://archive/a/b"
