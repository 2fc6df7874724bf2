import pytest

from chalicelib.delivery.classification import Deferred, Discarded, no_answer, refusal
from chalicelib.errors import Permanent, Retryable

NOW = 1_800_000_000_000

LATER = [408, 423, 429, 500, 502, 503, 504, 505, 506, 507, 508, 509, 510, 511, 520, 529, 598, 599]
NEVER = [
    *(100, 101, 300, 301, 302, 303, 304, 307, 308),
    *(400, 401, 402, 403, 404, 405, 406, 407, *range(409, 419), 421, 422, *range(424, 429), 431, 451, 499),
    *(420, 440, 501, 600, 999),
]


@pytest.mark.parametrize("status", [200, 201, 202, 203, 204, 205, 206, 207, 208, 226])
def test_accepted(status):
    assert refusal(status, {}, NOW) is None


@pytest.mark.parametrize("status", LATER)
def test_later(status):
    failure = refusal(status, {}, NOW)
    assert isinstance(failure, Deferred)
    assert isinstance(failure, Retryable)
    assert failure.code == str(status)


@pytest.mark.parametrize("status", NEVER)
def test_never(status):
    failure = refusal(status, {}, NOW)
    assert isinstance(failure, Discarded)
    assert isinstance(failure, Permanent)
    assert failure.code == str(status)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("120", NOW + 120_000),
        (" 0 ", NOW),
        ("Fri, 15 Jan 2027 08:01:00 GMT", NOW + 60_000),
        ("Fri, 15 Jan 2027 09:01:00 +0100", NOW + 60_000),
        ("", None),
        ("-5", None),
        ("soon", None),
        ("1.5", None),
        ("²", None),
        ("Fri, 99 Jan 2027 08:00:00 GMT", None),
    ],
)
def test_retry_after(text, instant):
    for status in (429, 503):
        failure = refusal(status, {"retry-after": text}, NOW)
        assert isinstance(failure, Deferred)
        assert failure.not_before == instant


def test_an_absurd_retry_after_is_beyond_every_deadline():
    failure = refusal(429, {"retry-after": "9" * 500}, NOW)
    assert isinstance(failure, Deferred)
    assert (failure.not_before or 0) > NOW + 10**11


@pytest.mark.parametrize(
    "code",
    ["ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ECONNABORTED", "EHOSTUNREACH", "ETIMEDOUT", "INTERNAL"],
)
def test_no_answer_may_come_later(code):
    assert isinstance(no_answer(code), Deferred)


@pytest.mark.parametrize("code", ["TLS_FAILURE", "INVALID_SETTINGS"])
def test_what_was_not_sent_on_purpose_is_never_sent(code):
    assert isinstance(no_answer(code), Discarded)
