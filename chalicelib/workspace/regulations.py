"""What people asked for under privacy law: not to be tracked, and to be deleted. It holds for a whole workspace."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from ..clock import MINUTE, Clock
from ..deadline import Deadline
from ..errors import Unavailable
from ..identity.external_id import USERS, Identifier
from ..identity.extraction import normalised
from ..identity.rulebook import rulebook
from ..identity.rules import LONGEST_VALUE
from ..ids import Ids
from ..records import Key, Records
from .body import Body
from .model import Space
from .service import Workspaces
from .shelf import Shelf

SUPPRESSING = ("SUPPRESS_ONLY", "SUPPRESS_WITH_DELETE", "SUPPRESS_WITH_DELETE_INTERNAL")
DELETING = ("DELETE_ONLY", "SUPPRESS_WITH_DELETE", "DELETE_INTERNAL", "SUPPRESS_WITH_DELETE_INTERNAL")
LIFTING = ("UNSUPPRESS",)
TYPES = tuple(dict.fromkeys((*SUPPRESSING, *DELETING, *LIFTING)))
SUBJECT_TYPES = ("USER_ID",)

MOST_SUBJECTS = 5_000  # that a client may name in one call
# Everything is done before the answer, within the 29 s of API Gateway. A deletion takes some twenty calls, of
# somebody who was merged a hundred times some hundreds; the rest takes four.
MOST_AT_ONCE = 500
MOST_DELETIONS = 20

ABANDONED_AFTER = MINUTE  # no request lives that long

RUNNING, FINISHED, FAILED = "RUNNING", "FINISHED", "FAILED"


class Regulation(msgspec.Struct, kw_only=True):
    """Of the subjects only the number is kept. `deleted` profiles; times in epoch ms."""

    id: str
    workspace_id: str
    type: str
    subjects: int
    created_at: int
    finished_at: int | None = None
    deleted: int = 0


class Suppressed(msgspec.Struct, kw_only=True):
    """A user id that must not be tracked, since `at`."""

    user_id: str
    at: int


class Suppression(Protocol):
    """Implementation: `profiles.suppression`."""

    def suppress(self, space_id: str, user_id: Identifier, at: int) -> None: ...

    def lift(self, space_id: str, user_id: Identifier) -> None: ...


class Eraser(Protocol):
    """Implementation: `profiles.erasure`."""

    def erase(self, space_id: str, user_id: Identifier) -> str | None: ...

    def resume(self, space_id: str) -> None: ...


class Regulations:
    def __init__(
        self, records: Records, workspaces: Workspaces, suppression: Suppression, eraser: Eraser, ids: Ids, clock: Clock
    ) -> None:
        self._records, self._workspaces, self._ids, self._clock = records, workspaces, ids, clock
        self._suppression, self._eraser = suppression, eraser
        self._regulations = Shelf(records, Regulation)
        self._suppressed = Shelf(records, Suppressed)

    def get(self, workspace_id: str, regulation_id: str) -> Regulation:
        """Raises NotFound."""
        return self._regulations.get(_regulation_key(workspace_id, regulation_id))

    def status(self, regulation: Regulation) -> str:
        """One that was broken off is to be sent again; what was done of it is not done twice."""
        if regulation.finished_at is not None:
            return FINISHED
        return RUNNING if self._clock.now() - regulation.created_at < ABANDONED_AFTER else FAILED

    def suppressed(self, workspace_id: str, limit: int, cursor: str | None) -> tuple[list[Suppressed], str | None]:
        """In no particular order, which stays the same."""
        page = self._records.page(_suppressed_partition(workspace_id), limit=limit, cursor=cursor)
        return [self._suppressed.read(record) for record in page.records], page.cursor

    def create(self, workspace_id: str, content: Mapping[str, Any], deadline: Deadline) -> Regulation:
        """Done when it returns. Raises Invalid, and Retryable when it was broken off: repeating completes it."""
        type, subjects = _read(Body(content))
        regulation = Regulation(
            id=self._ids.ksuid("reg_"),
            workspace_id=workspace_id,
            type=type,
            subjects=len(subjects),
            created_at=self._clock.now(),
        )
        key = _regulation_key(workspace_id, regulation.id)
        self._regulations.put(key, regulation)
        spaces = self._workspaces.spaces(workspace_id)
        if type in DELETING:
            for space in spaces:
                self._eraser.resume(space.id)
        for subject in subjects:
            if deadline.remaining() <= 0:
                raise Unavailable("there was no time for all subjects")
            regulation.deleted += self._carry_out(type, workspace_id, spaces, subject)
        regulation.finished_at = self._clock.now()
        self._regulations.put(key, regulation)
        return regulation

    def _carry_out(self, type: str, workspace_id: str, spaces: Sequence[Space], subject: str) -> int:
        """How many profiles were deleted."""
        now, listed = self._clock.now(), _suppressed_key(workspace_id, subject)
        named = [(space.id, user_id) for space in spaces if (user_id := self._user_id(space, subject))]
        if type in SUPPRESSING:
            self._suppressed.ensure(listed, Suppressed(user_id=subject, at=now))
            for space_id, user_id in named:
                self._suppression.suppress(space_id, user_id, now)
        if type in LIFTING:
            for space_id, user_id in named:
                self._suppression.lift(space_id, user_id)
            self._suppressed.delete(listed)
        if type not in DELETING:
            return 0
        return sum(self._eraser.erase(space_id, user_id) is not None for space_id, user_id in named)

    def _user_id(self, space: Space, subject: str) -> Identifier | None:
        """As the space stores it."""
        value = normalised("user_id", subject, rulebook(self._workspaces.identity_rules.get(space.id)))
        return None if value is None else Identifier(USERS, "user_id", value)


def _read(body: Body) -> tuple[str, list[str]]:
    type = body.choice("regulationType", TYPES, required=True) or ""
    body.choice("subjectType", SUBJECT_TYPES, required=True)
    subjects = body.items("subjectIds")
    most = MOST_DELETIONS if type in DELETING else MOST_AT_ONCE
    if subjects is None:
        if not body.has("subjectIds"):
            body.reject("subjectIds", '"subjectIds" is required')
    elif not subjects:
        body.reject("subjectIds", '"subjectIds" must name somebody')
    elif not all(isinstance(subject, str) and 0 < len(subject.strip()) <= LONGEST_VALUE for subject in subjects):
        body.reject("subjectIds", f'"subjectIds" must be strings of 1 to {LONGEST_VALUE} characters')
    elif len(subjects) > MOST_SUBJECTS:
        body.reject("subjectIds", f'"subjectIds" may name at most {MOST_SUBJECTS} people')
    elif len(subjects) > most:
        body.reject("subjectIds", f"{type} is carried out at once, for at most {most} people in one call: send several")
    body.done()
    return type, list(dict.fromkeys(subjects or ()))


def _regulation_key(workspace_id: str, regulation_id: str) -> Key:
    return Key(f"regulations#{workspace_id}", f"regulation#{regulation_id}")


def _suppressed_partition(workspace_id: str) -> str:
    return f"suppressed#{workspace_id}"


def _suppressed_key(workspace_id: str, user_id: str) -> Key:
    # Hashed, because a user id can be longer than a key may be.
    return Key(_suppressed_partition(workspace_id), hashlib.sha256(user_id.encode()).hexdigest())
