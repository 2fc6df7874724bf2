"""The people of an account, read page by page: a popular one has thousands."""

from collections.abc import Iterator

from ..profiles.lookup import Lookup
from ..profiles.ports import Links, Membership
from ..profiles.profile import Profile

PAGE = 100  # links read at once: as many profiles as one batch read takes


class Members:
    def __init__(self, links: Links, lookup: Lookup) -> None:
        self._links, self._lookup = links, lookup

    def of(self, account: Profile) -> Iterator[Profile]:
        """Everybody once, whoever they or the account were merged with since they were linked."""
        seen: set[str] = set()
        for page in self._pages(account):
            living = self._lookup.living(account.space_id, [membership.user_id for membership in page])
            for user in living.values():
                if user.profile_id not in seen:
                    seen.add(user.profile_id)
                    yield user

    def _pages(self, account: Profile) -> Iterator[list[Membership]]:
        for account_id in account.ids:
            last: Membership | None = None
            while page := self._links.users(account.space_id, account_id, PAGE, last):
                yield page
                if len(page) < PAGE:
                    break
                last = page[-1]
