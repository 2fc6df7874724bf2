"""Secrets sealed by a KMS key: `kms1:` and the base64 of what KMS gave."""

import base64
import binascii
from typing import Any

from botocore.exceptions import ClientError

from ..errors import Invalid, Malformed, Problem
from .faults import code_of, translated

PREFIX = "kms1:"
FORM = b"\x01"  # leads the plain text, because KMS encrypts nothing empty
LONGEST = 4_096 - len(FORM)  # bytes; what KMS encrypts in one call
NOT_OURS = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})


class KmsSecrets:
    def __init__(self, client: Any, key_id: str) -> None:
        self._client, self._key_id = client, key_id

    def seal(self, plain: str, context: str) -> str:
        content = plain.encode()
        if len(content) > LONGEST:
            raise Invalid(Problem(f"a secret may have at most {LONGEST} bytes"))
        with translated("kms"):
            answer = self._client.encrypt(
                KeyId=self._key_id, Plaintext=FORM + content, EncryptionContext={"context": context}
            )
        return PREFIX + base64.b64encode(answer["CiphertextBlob"]).decode("ascii")

    def open(self, sealed: str, context: str) -> str:
        blob = _blob(sealed)
        try:
            with translated("kms"):
                answer = self._client.decrypt(
                    KeyId=self._key_id, CiphertextBlob=blob, EncryptionContext={"context": context}
                )
        except ClientError as error:
            if code_of(error) in NOT_OURS:
                raise Malformed("this secret was sealed for something else, or is damaged") from error
            raise
        content: bytes = answer["Plaintext"]
        return content.removeprefix(FORM).decode()


def _blob(sealed: str) -> bytes:
    if not sealed.startswith(PREFIX):
        raise Malformed("not a sealed secret")
    try:
        return base64.b64decode(sealed.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise Malformed("not a sealed secret") from error
