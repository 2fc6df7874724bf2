"""How a computation does, in the words that its owner knows."""

from .computation import ACCOUNTS, COMPUTING, FAILED, LIVE, LOCKED, PREPARING, TRAIT, Computation

SHOWN = {PREPARING: "Preparing", COMPUTING: "Computing", LIVE: "Live", FAILED: "Failed", LOCKED: "Locked"}
BACKFILLING, DISABLED, NOT_COMPUTING = "Backfilling", "Disabled", "Not Computing"


def status_of(computation: Computation) -> str:
    if not computation.enabled:
        return DISABLED
    if not computation.is_computed:
        return NOT_COMPUTING
    stage = computation.stage
    if stage == COMPUTING and computation.history:
        in_run = computation.scope == ACCOUNTS and computation.ready
        return SHOWN[COMPUTING] if in_run else BACKFILLING
    if stage == LOCKED and computation.scope == ACCOUNTS:
        return SHOWN[LIVE]  # the next run goes by the new definition, until then the old one is good
    if stage == LOCKED and computation.kind == TRAIT:
        return SHOWN[COMPUTING]
    return SHOWN[stage]


def query_of(computation: Computation) -> str:
    """As its owner wrote it last."""
    return computation.upcoming.query if computation.upcoming else computation.query


def external_ids_of(computation: Computation) -> list[str]:
    return computation.upcoming.external_ids if computation.upcoming else computation.external_ids
