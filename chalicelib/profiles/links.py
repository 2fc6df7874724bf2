"""Which people belong to an account, kept as records of the table `work`.

    partition                    sort              holds
    account_links#{space}#{id}   u#{user}          when the link was made: there is one link, whoever repeats it
                                 t#{time}#{user}   the same in order of creation, which is what is read

Nothing expires. The user's own profile lists its accounts, so a link that is known costs nothing.
"""

from collections.abc import Iterable

from ..errors import Conflict, VersionConflict
from ..records import Key, Records
from .ports import Membership


class RecordedLinks:
    def __init__(self, work: Records) -> None:
        self._work = work

    def add(self, space_id: str, account_id: str, user_id: str, at: int) -> None:
        partition = _partition(space_id, account_id)
        made = self._made(Key(partition, f"u#{user_id}"), at)
        self._work.put(Key(partition, _sort(made, user_id)), user_id.encode())

    def remove(self, space_id: str, account_id: str, user_id: str) -> None:
        partition = _partition(space_id, account_id)
        known = self._work.get(Key(partition, f"u#{user_id}"))
        if known is not None:
            # The reservation goes last: it alone leads to the other record.
            self._work.delete(Key(partition, _sort(int(known.data), user_id)))
            self._work.delete(known.key)

    def users(self, space_id: str, account_id: str, limit: int, after: Membership | None = None) -> list[Membership]:
        cursor = _sort(*after) if after else None
        page = self._work.page(_partition(space_id, account_id), "t#", limit=limit, cursor=cursor)
        return [_membership(record.key.sort) for record in page.records]

    def times(self, space_id: str, account_id: str, user_ids: Iterable[str]) -> dict[str, int]:
        partition = _partition(space_id, account_id)
        found = self._work.get_many(Key(partition, f"u#{user_id}") for user_id in user_ids)
        return {key.sort.removeprefix("u#"): int(record.data) for key, record in found.items()}

    def _made(self, key: Key, at: int) -> int:
        try:
            self._work.create(key, str(at).encode())
        except Conflict:
            known = self._work.get(key)
            if known is None:
                raise VersionConflict("a link was removed at this very moment") from None
            return int(known.data)
        return at


def _partition(space_id: str, account_id: str) -> str:
    return f"account_links#{space_id}#{account_id}"


def _sort(at: int, user_id: str) -> str:
    return f"t#{max(at, 0):015d}#{user_id}"


def _membership(sort: str) -> Membership:
    _, at, user_id = sort.split("#")
    return Membership(int(at), user_id)
