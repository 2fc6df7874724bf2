"""Which failures of AWS pass by themselves."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

from ..errors import Unavailable

PASSING = frozenset(
    {
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "InternalServerException",
        "KMSInternalException",
        "KeyUnavailableException",
        "DependencyTimeoutException",
        "LimitExceededException",
        "OverLimit",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TransactionInProgressException",
    }
)


def code_of(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def passes(error: BaseException | None) -> bool:
    """Whether the same call may succeed later. Connections that broke count, refused credentials do not."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return code_of(error) in PASSING or status >= 500
    return isinstance(error, HTTPClientError | ConnectionError)


@contextmanager
def translated(service: str) -> Iterator[None]:
    """Turns failures that pass into Unavailable; everything else is left as it is."""
    try:
        yield
    except (ClientError, HTTPClientError, ConnectionError) as error:
        if passes(error):
            raise Unavailable(f"{service}: {type(error).__name__}") from error
        raise
