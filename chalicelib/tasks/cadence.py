"""How often something runs, and when it runs next. Instants are epoch ms; slots are whole minutes, UTC."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import msgspec

from ..clock import DAY, HOUR, MINUTE, SECOND
from ..errors import Invalid, Problem

INTERVALS = tuple(minutes * MINUTE for minutes in (15, 30, 60, 120, 240, 360, 480, 720, 1440))
DEFAULT_INTERVAL = 8 * HOUR  # of batch computations


class Every(msgspec.Struct, frozen=True, tag="every"):
    """Aligned to UTC: every 8 h means 00:00, 08:00 and 16:00. `interval` is in ms and one of INTERVALS."""

    interval: int


class Weekly(msgspec.Struct, frozen=True, tag="weekly"):
    """At full hours of chosen days, 0 being Sunday, by the clocks of a time zone.

    An hour that the clocks skip in spring is run when they have skipped it; one they repeat in autumn, once.
    """

    days: tuple[int, ...]
    hours: tuple[int, ...]
    zone: str = "UTC"


class Manual(msgspec.Struct, frozen=True, tag="manual"):
    """Only when somebody asks."""


Cadence = Every | Weekly | Manual


def check(cadence: Cadence) -> None:
    """Raises Invalid."""
    problems = list(_problems(cadence))
    if problems:
        raise Invalid(*problems)


def next_slot(cadence: Cadence, after: int) -> int | None:
    """The first slot later than `after`; None for a cadence without slots."""
    match cadence:
        case Every(interval):
            return (after // interval + 1) * interval
        case Weekly():
            return _next_of_week(cadence, after)
        case Manual():
            return None


def _next_of_week(cadence: Weekly, after: int) -> int:
    zone = ZoneInfo(cadence.zone)
    today = datetime.fromtimestamp(after / SECOND, zone).date()
    # The same weekday of next week is the latest possible; a day more for hours that the clocks move.
    days = (today + timedelta(days=ahead) for ahead in range(-1, 9))
    slots = (
        _instant(datetime.combine(day, time(hour), zone))
        for day in days
        if day.isoweekday() % 7 in cadence.days
        for hour in cadence.hours
    )
    return min(slot for slot in slots if slot > after)


def _instant(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp()) * SECOND


def _problems(cadence: Cadence) -> list[Problem]:
    match cadence:
        case Every(interval) if interval not in INTERVALS:
            choices = ", ".join(str(one // MINUTE) for one in INTERVALS)
            return [Problem(f"The interval in minutes is one of {choices}.", "interval")]
        case Weekly(days, hours, zone):
            return _weekly_problems(days, hours, zone)
        case _:
            return []


def _weekly_problems(days: tuple[int, ...], hours: tuple[int, ...], zone: str) -> list[Problem]:
    problems = []
    if not days or not set(days) <= set(range(7)):
        problems.append(Problem("Days are a list of numbers from 0, Sunday, to 6.", "days"))
    if not hours or not set(hours) <= set(range(DAY // HOUR)):
        problems.append(Problem("Hours are a list of numbers from 0 to 23.", "hours"))
    if zone not in available_timezones():
        problems.append(Problem(f"There is no time zone {zone!r}.", "zone"))
    return problems
