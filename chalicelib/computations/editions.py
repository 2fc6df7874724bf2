"""What an edition takes over of streams that are complete, and which ones it begins.

Every function takes the computation as it is stored and gives it as it should be. `complete` says of which generations
there are complete streams, by base key.
"""

from collections.abc import Collection, Iterable, Mapping

from msgspec.structs import replace

from .. import query
from .catalogue import compile_query
from .computation import (
    ACCOUNTS,
    COMPUTING,
    FAILED,
    LIVE,
    LOCKED,
    PREPARING,
    USERS,
    Computation,
    Edition,
    generation_of,
)

COMPUTE, EDIT = "compute", "edit"  # the kinds of runs that take a definition in
BATCH_RUN = "batch"  # the kind that looks at all accounts anew; at all users do the other two


Complete = Mapping[str, Collection[str]]


def complete_streams(computations: Iterable[Computation]) -> dict[str, set[str]]:
    """Those of active editions; a definition that no longer compiles is not computed either. Steps of journeys keep
    theirs to themselves: nobody keeps them up once the journey is archived."""
    found: dict[str, set[str]] = {}
    for computation in computations:
        if computation.journey_id is not None:
            continue
        try:
            streams = _streams(computation, computation.query) if computation.ready else ()
        except query.QueryError:
            continue
        for stream in streams:
            found.setdefault(stream.base, set()).add(computation.generations.get(stream.base, ""))
    return found


def begun(computation: Computation, at: int, complete: Complete) -> Computation:
    """Taking in the first edition, perhaps not for the first time. What is never computed stays where it begins."""
    if not computation.is_computed:
        return replace(computation, begun_at=at, ready=False, stage=PREPARING)
    if not computation.history:
        return replace(computation, begun_at=at, ready=True, stage=PREPARING)
    generations = _generations(computation, computation.query, at, complete)
    ready = not generations and not _streams(computation, computation.query)
    return replace(computation, begun_at=at, ready=ready, generations=generations, stage=PREPARING)


def edited(
    computation: Computation, text: str, external_ids: list[str], at: int, by: str, complete: Complete
) -> Computation:
    """With another definition: as an upcoming edition, or in place as long as no edition was ever active."""
    if not computation.ready:
        changed = replace(computation, query=text, external_ids=external_ids)
        return begun(changed, at, complete)
    edition = Edition(
        query=text,
        external_ids=external_ids,
        version=computation.version + 1,
        at=at,
        by=by,
        generations=_generations(computation, text, at, {**complete, **complete_streams([computation])}),
    )
    return replace(computation, upcoming=edition, stage=LOCKED)


def resumed(computation: Computation, at: int, complete: Complete) -> Computation:
    """After it was switched off or its run failed. What it was about to fill was not kept up meanwhile."""
    if not computation.ready:
        return begun(computation, at, complete)
    if computation.upcoming is not None:
        edition = computation.upcoming
        return edited(computation, edition.query, edition.external_ids, at, edition.by, complete)
    return replace(computation, begun_at=at, stage=COMPUTING)


def verified(computation: Computation, complete: Complete) -> Computation:
    """Begins itself what it took over of a computation that is gone: workers may have dropped it before they knew that
    somebody else wants it."""
    edition = computation.upcoming
    if edition is not None:
        found = _verified(computation, edition.query, edition.at, edition.generations, complete)
        return replace(computation, upcoming=replace(edition, generations=found))
    if not computation.ready:
        found = _verified(computation, computation.query, computation.begun_at, computation.generations, complete)
        return replace(computation, generations=found)
    return computation


def switched(computation: Computation) -> Computation:
    """All streams of what is being taken in are complete: from now on it is what counts."""
    edition = computation.upcoming
    if edition is None:
        return replace(computation, ready=True)
    return replace(
        computation,
        query=edition.query,
        external_ids=edition.external_ids,
        generations=edition.generations,
        version=edition.version,
        begun_at=edition.at,
        upcoming=None,
    )


def taken_in(computation: Computation) -> Computation:
    """What is computed on accounts has no values yet: its first run decides how it does."""
    if computation.scope != ACCOUNTS:
        return replace(computation, stage=LIVE, counted=True)
    return computation if computation.stage == COMPUTING else replace(computation, stage=LIVE)


def given_up(computation: Computation) -> Computation:
    """An edit leaves everything as it was; without values of its own the computation has failed."""
    if computation.upcoming is not None:
        return replace(computation, upcoming=None, stage=LIVE)
    return replace(computation, stage=FAILED)


def is_locked(computation: Computation) -> bool:
    """Whether another definition has to wait: for an edit, or for everybody's first values out of history."""
    is_first = computation.history and computation.scope == USERS and not computation.counted
    being_taken_in = computation.is_computed and (not computation.ready or is_first or computation.stage == LOCKED)
    return computation.enabled and being_taken_in and computation.stage != FAILED


def run_of(computation: Computation) -> tuple[str, int]:
    """The kind of the run that takes its newest definition in, and the instant that tells it from all others."""
    if computation.upcoming is not None:
        return EDIT, computation.upcoming.at
    return EDIT if computation.stage == LOCKED else COMPUTE, computation.begun_at


def wants_run(computation: Computation) -> bool:
    return computation.is_computed and computation.enabled and computation.stage not in (LIVE, FAILED)


def _streams(computation: Computation, text: str) -> tuple[query.Stream, ...]:
    return compile_query(computation, text, {}).streams


def _generations(computation: Computation, text: str, at: int, complete: Complete) -> dict[str, str]:
    own = generation_of(computation.id, at)
    found = {stream.base: min(complete.get(stream.base, (own,))) for stream in _streams(computation, text)}
    return {base: generation for base, generation in found.items() if generation}


def _verified(
    computation: Computation, text: str, at: int, present: Mapping[str, str], complete: Complete
) -> dict[str, str]:
    own = generation_of(computation.id, at)
    bases = [stream.base for stream in _streams(computation, text)]
    kept = {base: present.get(base, "") for base in bases}
    found = {base: kept[base] if kept[base] in (own, *complete.get(base, ())) else own for base in bases}
    return {base: generation for base, generation in found.items() if generation}
