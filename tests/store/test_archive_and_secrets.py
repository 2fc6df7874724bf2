"""The archive and sealed secrets."""

import pytest

from chalicelib.errors import Invalid, Malformed, NotFound
from chalicelib.profiles.ports import Archive
from chalicelib.secrecy import Secrets
from chalicelib.store.kms import KmsSecrets
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
