"""How versions of a journey stand, and how they come to stand otherwise. Pure: from a journey to the changed one."""

from msgspec.structs import replace

from ...errors import Conflict, NotFound
from ...journeys.model import (
    ARCHIVED,
    DRAFT,
    DRAINING,
    FAILED,
    LIVE,
    MOVING,
    PAUSED,
    PUBLISHING,
    Journey,
    Standing,
)

PAUSE, ARCHIVE = "pause", "archive"  # what becomes of the version before


def draft_of(journey: Journey) -> Standing | None:
    return next((standing for standing in journey.versions if standing.status == DRAFT), None)


def current_of(journey: Journey) -> Standing | None:
    """The one that is live, or paused."""
    return next((standing for standing in journey.versions if standing.status in (LIVE, PAUSED)), None)


def numbered(journey: Journey, number: int | None) -> Standing:
    """The newest one that was published, otherwise the draft; or the one of that number. Raises NotFound."""
    if number is not None:
        found = next((standing for standing in journey.versions if standing.number == number), None)
        if found is None:
            raise NotFound("the journey has no version of this number")
        return found
    published = [standing for standing in journey.versions if standing.status != DRAFT]
    return max(published or journey.versions, key=lambda standing: standing.number)


def published(journey: Journey, standing: Standing, previous: str | None) -> Journey:
    """With this standing in the place of the draft, whatever it is; what was live or paused stops letting people in."""
    draft, current = draft_of(journey), current_of(journey)
    versions = [
        standing
        if one is draft
        else (_archived(one) if previous == ARCHIVE else replace(one, status=DRAINING))
        if one is current
        else one
        for one in journey.versions
    ]
    return replace(journey, versions=versions)


def paused(journey: Journey) -> Journey:
    """Raises Conflict."""
    current = current_of(journey)
    if current is None or current.status == PAUSED:
        raise Conflict("only a live journey can be paused")
    return _with(journey, replace(current, status=PAUSED))


def resumed(journey: Journey, cut: int) -> Journey:
    """Whoever met the condition meanwhile stays out. Raises Conflict."""
    current = current_of(journey)
    if current is None or current.status == LIVE:
        raise Conflict("only a paused journey can be resumed; a version that was replaced lets nobody in any more")
    return _with(journey, replace(current, status=LIVE, cuts=[*current.cuts, cut]))


def archived(journey: Journey, number: int | None) -> Journey:
    """Without a number what is live or paused, otherwise the newest that is draining. Raises NotFound and Conflict."""
    draining = (standing for standing in reversed(journey.versions) if standing.status == DRAINING)
    asked = numbered(journey, number) if number is not None else current_of(journey) or next(draining, None)
    if asked is None or asked.status not in MOVING:
        raise Conflict("only what is live, paused or draining can be archived")
    return _with(journey, _archived(asked))


def shown_status(standing: Standing, *, counted: bool, failed: bool) -> str:
    """As its owner sees it: `counted` says whether everybody was looked at once, `failed` that this did not succeed."""
    if standing.status != LIVE or counted:
        return standing.status
    return FAILED if failed else PUBLISHING


def _archived(standing: Standing) -> Standing:
    return replace(standing, status=ARCHIVED, was_drained=standing.status == DRAINING)


def _with(journey: Journey, standing: Standing) -> Journey:
    versions = [standing if one.version_id == standing.version_id else one for one in journey.versions]
    return replace(journey, versions=versions)
