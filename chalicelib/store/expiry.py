"""When a stored item ends: DynamoDB counts in seconds and removes late, so readers must look themselves."""


def to_seconds(instant: int | None) -> int | None:
    """Epoch seconds of an instant, rounded up: nothing ends before its time."""
    return None if instant is None else -(-instant // 1_000)


def is_over(ends: int | None, now: int) -> bool:
    """`ends` in epoch seconds, `now` in epoch milliseconds."""
    return ends is not None and ends * 1_000 <= now
