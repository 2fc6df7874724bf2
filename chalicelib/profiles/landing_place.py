"""Where in the archive a worker puts what it has to tell to history.

Keys begin with the minute of landing, so that whoever has read up to some minute lists only what came since. The day
(of arrival, or of change) comes second: what comes late lands beside its fresher neighbours.
"""

from ..clock import MINUTE
from ..instants import to_iso

EVENTS = "events"
PROFILES = "profiles"


def landing_key(table: str, space_id: str, landed_at: int, happened_at: int, name: str) -> str:
    """Instants in epoch ms. Who lands the same twice within a minute writes the same object."""
    folder = f"{table}/landing/{space_id}/at={minute_of(landed_at)}"
    return f"{folder}/dt={to_iso(happened_at)[:10]}/{name}.ndjson.gz"


def minute_of(instant: int) -> str:
    """Its name, like 2026-01-31T12:59; names are in the order of time."""
    return to_iso(instant // MINUTE * MINUTE)[:16]
