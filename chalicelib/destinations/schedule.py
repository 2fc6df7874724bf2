"""When a delivery that failed is tried again. Each kind of destination may have a schedule of its own."""

from typing import NamedTuple, Protocol


class Random(Protocol):
    """As `random.Random`."""

    def random(self) -> float:
        """A number in [0, 1)."""
        ...


class Schedule(NamedTuple):
    """Seconds. Delays grow by `factor` from `base` to `cap`, each stretched at random by up to `jitter`; only upward,
    so that `base` is a floor. The nine longest waits, 237.6 minutes, fit before the deadline of four hours; a tenth
    would not even fit behind the shortest.
    """

    base: float = 60
    factor: float = 2
    cap: float = 2_700
    jitter: float = 0.2
    deadline: float = 14_400
    retries: int = 9

    def delay(self, retry: int, random: Random) -> float:
        """Seconds to wait before the `retry`-th retry, counted from 1."""
        return min(self.base * self.factor ** (retry - 1), self.cap) * (1 + self.jitter * random.random())

    def ends_at(self, first_attempt_at: int) -> int:
        """The instant after which nothing is tried any more, epoch ms."""
        return first_attempt_at + round(self.deadline * 1_000)

    def next_at(
        self, attempts: int, first_attempt_at: int, now: int, random: Random, not_before: int | None = None
    ) -> int | None:
        """The instant of the next attempt after `attempts` failed ones; None when there is none. All in epoch ms.

        The deadline counts from the first attempt: replays and backfills carry old timestamps.
        """
        if attempts > self.retries:
            return None
        instant = max(now + round(self.delay(attempts, random) * 1_000), not_before or 0)
        return instant if instant <= self.ends_at(first_attempt_at) else None
