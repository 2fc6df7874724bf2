"""Each hour, every alert: measured, compared with its threshold, and told at most once a day."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from msgspec.structs import replace

from ..clock import DAY, HOUR, Clock
from ..computations.catalogue import Compiled
from ..deadline import Deadline
from ..delivery.classification import CONNECTION_PAUSED, DESTINATION_DISABLED
from ..delivery.ledger import DELIVERED, DISCARDED, Ledger
from ..errors import place_of
from ..notifications.notice import ALERT, Notice
from ..notifications.outbox import Outbox
from ..records import Key, Records
from ..workspace.ports import Directory
from .alert import ACTIVATION_HEALTH, DELIVERY_RATE, SIZE_CHANGE, Alert
from .history import SizeHistory
from .service import Alerts
from .thresholds import change, is_below, is_outside, rate

logger = logging.getLogger(__name__)

AGAIN_AFTER = DAY

# Discarded because the owner wanted it so, before anybody was asked: neither delivered nor failed.
FILTERED = (CONNECTION_PAUSED, DESTINATION_DISABLED)

_MARK = Key("alert_watch", "looked_at")  # holds the hour in which all alerts were looked at last


@dataclass
class Watch:
    alerts: Alerts
    ledger: Ledger
    history: SizeHistory
    directory: Directory
    outbox: Outbox
    work: Records
    clock: Clock
    _hour: int | None = None

    def look(self, deadline: Deadline) -> int:
        """How many alerts fired. Once an hour; a look that found no end is repeated by the next tick, and what it
        told already is not told again."""
        hour = self.clock.now() // HOUR
        if self._hour == hour or self._is_marked(hour):
            self._hour = hour
            return 0
        fired, sizes = 0, dict[str, Mapping[str, int]]()
        self._note(sizes, deadline)
        for alert in self.alerts.all():
            if deadline.remaining() <= 0:
                return fired
            try:
                fired += alert.enabled and self._look_at(alert, sizes)
            except Exception as error:
                logger.error("Alert %s cannot be looked at: %s", alert.id, place_of(error))
        self.work.put(_MARK, str(hour).encode(), expires_at=(hour + 2) * HOUR)
        self._hour = hour
        return fired

    def _note(self, sizes: dict[str, Mapping[str, int]], deadline: Deadline) -> None:
        """The sizes of all spaces: what is not noted now cannot be told later."""
        for space_id in self.history.spaces():
            if deadline.remaining() > 0:
                sizes[space_id] = self.history.note(space_id)

    def _is_marked(self, hour: int) -> bool:
        mark = self.work.get(_MARK)
        return mark is not None and mark.data == str(hour).encode()

    def _look_at(self, alert: Alert, sizes: dict[str, Mapping[str, int]]) -> bool:
        """Also what need not be told is noted: tomorrow is compared with it."""
        if alert.type == SIZE_CHANGE and alert.space_id is not None and alert.space_id not in sizes:
            sizes[alert.space_id] = self.history.note(alert.space_id)
        now = self.clock.now()
        if alert.last_triggered_at is not None and now - alert.last_triggered_at < AGAIN_AFTER:
            return False
        measured = self._measure(alert, sizes)
        if measured is None or not _fires(alert, measured):
            return False
        # Told under an id that follows from the time before: should this end here, the next look tells nobody twice.
        self.outbox.post(_notice(alert, measured, now))
        self.alerts.amend(alert, lambda present: replace(present, last_triggered_at=now, last_value=float(measured)))
        return True

    def _measure(self, alert: Alert, sizes: Mapping[str, Mapping[str, int]]) -> Fraction | None:
        """In percent; None when there is nothing to measure or to compare with."""
        if alert.type == DELIVERY_RATE:
            return self._rate(alert)
        if alert.type == ACTIVATION_HEALTH:
            return self._activation(alert)
        return self._size(alert, sizes)

    def _rate(self, alert: Alert) -> Fraction | None:
        """Of 24 hours and what has passed of the present one."""
        counts = self.ledger.counts(alert.destination_id or "", since=self.clock.now() // HOUR * HOUR - DAY)
        filtered = sum(counts.get(f"{DISCARDED}.{code}", 0) for code in FILTERED)
        return rate(counts.get(DELIVERED, 0), counts.get(DISCARDED, 0) - filtered)

    def _activation(self, alert: Alert) -> Fraction | None:
        connection_id = self._connection(alert)
        if connection_id is None:
            return None
        end = self.clock.now() // HOUR * HOUR

        def delivered(since: int) -> int:
            counts = self.ledger.counts(
                alert.destination_id or "", connection_id=connection_id, since=since, until=since + DAY
            )
            return counts.get(DELIVERED, 0)

        return change(delivered(end - 2 * DAY), delivered(end - DAY))

    def _size(self, alert: Alert, sizes: Mapping[str, Mapping[str, int]]) -> Fraction | None:
        id, space_id = alert.audience_id or "", alert.space_id or ""
        before = self.history.a_day_ago(space_id)
        if before is None or self._audience(alert) is None:
            return None
        return change(before.get(id, 0), sizes[space_id].get(id, 0))

    def _audience(self, alert: Alert) -> Compiled | None:
        """None when it was deleted: that everybody left it is no news then."""
        return self.directory.view(alert.space_id or "").catalogue.by_id.get(alert.audience_id or "")

    def _connection(self, alert: Alert) -> str | None:
        connections = self.directory.view(alert.space_id or "").connections.get(alert.audience_id or "", ())
        return next((c.id for c in connections if c.destination_id == alert.destination_id), None)


def _fires(alert: Alert, measured: Fraction) -> bool:
    return (is_below if alert.type == DELIVERY_RATE else is_outside)(measured, alert.threshold)


def _notice(alert: Alert, measured: Fraction, now: int) -> Notice:
    subject = {"audience_id": alert.audience_id, "destination_id": alert.destination_id}
    figures = {"type": alert.type, "value": float(measured), "threshold": alert.threshold}
    return Notice(
        id=f"ntf_{alert.id}_{alert.last_triggered_at or 0}",
        kind=ALERT,
        workspace_id=alert.workspace_id,
        space_id=alert.space_id,
        name=alert.name,
        text=_sentence(alert, measured),
        at=now,
        details={"alert_id": alert.id, **figures, **{name: id for name, id in subject.items() if id is not None}},
        channels=alert.channels,
    )


def _sentence(alert: Alert, measured: Fraction) -> str:
    percent, threshold = f"{float(measured):+.2f} %", f"{alert.threshold:g} %"
    if alert.type == DELIVERY_RATE:
        return f"{alert.name}: {float(measured):.2f} % of a day's events were delivered, less than {threshold}"
    if alert.type == ACTIVATION_HEALTH:
        return f"{alert.name}: {percent} events delivered compared with the day before, more than {threshold} apart"
    return f"{alert.name}: the audience changed by {percent} within a day, more than {threshold}"
