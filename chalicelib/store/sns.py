"""Topics of SNS."""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from ..errors import NotFound
from .faults import code_of, translated

# Not there, in another region, or not ours to publish to: nothing of it passes by itself.
LOST = frozenset({"NotFound", "NotFoundException", "AuthorizationError", "AuthorizationErrorException"})
REFUSED = frozenset({"InvalidParameter", "InvalidParameterException", "InvalidParameterValue"})


class SnsTopics:
    """The client is made with the first message: most functions never send one."""

    def __init__(self, client: Callable[[], Any]) -> None:
        self._client = client

    def publish(self, topic_arn: str, subject: str, text: str) -> None:
        try:
            with translated("sns"):
                self._client().publish(TopicArn=topic_arn, Subject=subject, Message=text)
        except ClientError as error:
            if code_of(error) in LOST | REFUSED:
                raise NotFound(f"sns: {code_of(error)}") from error
            raise
