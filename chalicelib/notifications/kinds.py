"""The kinds of channel: which settings each has and how a notice goes out through it."""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from ..delivery.classification import INVALID_SETTINGS, Discarded, refusal
from ..delivery.redirects import follow
from ..delivery.transport import Transport
from ..destinations import webhook
from ..destinations.json_text import stringify
from ..destinations.kind import Request
from ..errors import NotFound, Problem
from ..workspace.body import Body
from .notice import Notice, as_json, as_letter

SNS, SLACK, WEBHOOK = "SNS", "SLACK", "WEBHOOK"

TIMEOUT = 5.0  # seconds: all channels share a tick of one minute

SUBJECT = 100  # characters; the limit of SNS

# Whoever has an API token may name a topic, and it is our function that may publish: topics of other applications
# must stay out of reach. What the function is permitted ends at the same prefix.
TOPIC_PREFIX = "muster-"
_TOPIC = re.compile(rf"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{{12}}:{TOPIC_PREFIX}[A-Za-z0-9_-]{{1,249}}")

Settings = Mapping[str, Any]


class Topics(Protocol):
    """SNS. Implementations: `store.sns`, `store.memory`."""

    def publish(self, topic_arn: str, subject: str, text: str) -> None:
        """Raises Unavailable, and NotFound for a topic that is not there or not ours to use."""
        ...


class Outside(NamedTuple):
    """The ways out. `now` is the present instant (epoch ms)."""

    transport: Transport
    topics: Topics
    now: int


class ChannelKind(NamedTuple):
    """`secret` settings are sealed and never shown; `problems` are the broken rules of complete settings. `send`
    raises Undelivered, or Retryable."""

    secret: frozenset[str]
    problems: Callable[[Settings], list[Problem]]
    send: Callable[[Outside, Settings, Notice], None]


def _sns_problems(settings: Settings) -> list[Problem]:
    body = Body(settings, "settings.")
    topic_arn = body.required_text("topicArn", longest=None)
    if topic_arn and not _TOPIC.fullmatch(topic_arn):
        body.reject("topicArn", f"topicArn must be the ARN of an SNS topic whose name begins with {TOPIC_PREFIX}")
    return [*body.problems, *_unknown(settings, {"topicArn"})]


def _publish(outside: Outside, settings: Settings, notice: Notice) -> None:
    try:
        outside.topics.publish(settings["topicArn"], _subject(notice), as_letter(notice))
    except NotFound as error:
        raise Discarded(INVALID_SETTINGS, str(error)) from error


def _subject(notice: Notice) -> str:
    """SNS takes one line of printable ASCII."""
    plain = "".join(c if c.isascii() and c.isprintable() else "?" for c in f"Muster: {notice.name}")
    return plain[:SUBJECT].rstrip()


def _slack_problems(settings: Settings) -> list[Problem]:
    body = Body(settings, "settings.")
    url = body.required_text("url", longest=None)
    if url and not url.startswith("https://"):
        body.reject("url", "url must begin with https://")
    elif url:
        body.problems += webhook.WEBHOOK.problems({"url": url})
    return [*body.problems, *_unknown(settings, {"url"})]


def _say(outside: Outside, settings: Settings, notice: Notice) -> None:
    body = stringify({"text": _escaped(notice.text)}).encode()
    _request(outside, Request("POST", settings["url"], {"Content-Type": "application/json"}, body))


def _escaped(text: str) -> str:
    """Slack reads mentions and links between angle brackets, and names are whatever somebody typed."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _post(outside: Outside, settings: Settings, notice: Notice) -> None:
    for call in webhook.WEBHOOK.requests([as_json(notice)], settings):
        _request(outside, call.request)


def _request(outside: Outside, request: Request) -> None:
    response = follow(outside.transport, request, TIMEOUT)
    failure = refusal(response.status, response.headers, outside.now)
    if failure is not None:
        raise failure


def _unknown(settings: Settings, known: set[str]) -> list[Problem]:
    return [Problem(f"there is no setting {name}", f"settings.{name}") for name in settings if name not in known]


KINDS: Mapping[str, ChannelKind] = {
    SNS: ChannelKind(frozenset(), _sns_problems, _publish),
    SLACK: ChannelKind(frozenset({"url"}), _slack_problems, _say),
    WEBHOOK: ChannelKind(
        frozenset(option.name for option in webhook.WEBHOOK.options if option.secret),
        webhook.WEBHOOK.problems,
        _post,
    ),
}
