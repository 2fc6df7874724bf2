"""SNS in memory."""

from typing import NamedTuple


class Published(NamedTuple):
    topic_arn: str
    subject: str
    text: str


class MemoryTopics:
    """Takes everything; `published` lists it."""

    def __init__(self) -> None:
        self.published: list[Published] = []

    def publish(self, topic_arn: str, subject: str, text: str) -> None:
        self.published.append(Published(topic_arn, subject, text))
