"""The accounts of a person and the people of an account, as the Profile API shows them: the oldest link first."""

import heapq
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from ..identity.external_id import USERS
from .lookup import Lookup
from .pages import FIRST_PAGE, Slice, not_a_cursor
from .ports import Links, Membership
from .profile import Profile

CHUNK = 50  # links read at once; a page shows fewer

_TOKEN = re.compile(r"([0-9]{1,15})\.(acc_[0-9A-Za-z]+)\.(use_[0-9A-Za-z]+)")
_LAST = "~"  # after every id


class Place(NamedTuple):
    """Of a link in the list: since when it is there (epoch ms), and between whom, as it was made."""

    at: int
    account_id: str
    user_id: str


class LinksView:
    def __init__(self, links: Links, lookup: Lookup) -> None:
        self._links, self._lookup = links, lookup

    def page(self, profile: Profile, limit: int, after: Place | None) -> Slice:
        """The profiles at the other ends. Those merged into one another are one, those deleted are none."""
        others = self._accounts if profile.head.collection == USERS else self._users
        found = list(islice(others(profile, after), limit + 1))
        following = _token(found[limit - 1][0]) if len(found) > limit else ""
        return Slice([other for _, other in found[:limit]], following)

    def _accounts(self, user: Profile, after: Place | None) -> Iterator[tuple[Place, Profile]]:
        places = sorted(Place(link.at, link.account_id, user.profile_id) for link in user.head.links)
        living = self._lookup.living(user.space_id, [place.account_id for place in places])
        shown: set[str] = set()
        for place in places:
            account = living.get(place.account_id)
            if account is None or account.profile_id in shown:
                continue
            shown.add(account.profile_id)
            if after is None or place[:2] > after[:2]:
                yield place, account

    def _users(self, account: Profile, after: Place | None) -> Iterator[tuple[Place, Profile]]:
        places = heapq.merge(*(self._places(account.space_id, id, after) for id in account.ids))
        while chunk := list(islice(places, CHUNK)):
            living = self._lookup.living(account.space_id, [place.user_id for place in chunk])
            for place in chunk:
                user = living.get(place.user_id)
                if user is not None and self._is_first(place, account, user):
                    yield place, user

    def _places(self, space_id: str, account_id: str, after: Place | None) -> Iterator[Place]:
        """The links of one account as they were made, in order, those after a place."""
        last = _bound(account_id, after)
        while page := self._links.users(space_id, account_id, CHUNK, last):
            yield from (Place(membership.at, account_id, membership.user_id) for membership in page)
            last = page[-1]

    def _is_first(self, place: Place, account: Profile, user: Profile) -> bool:
        """Somebody who is linked under several ids, because they were merged, is shown where the first link is."""
        if len(account.ids) == 1 and len(user.ids) == 1:
            return True
        return place == min(self._all_places(account, user.ids), default=place)

    def _all_places(self, account: Profile, user_ids: Iterable[str]) -> Iterator[Place]:
        for account_id in account.ids:
            times = self._links.times(account.space_id, account_id, user_ids)
            yield from (Place(at, account_id, user_id) for user_id, at in times.items())


def _bound(account_id: str, after: Place | None) -> Membership | None:
    if after is None:
        return None
    if account_id == after.account_id:
        return Membership(after.at, after.user_id)
    return Membership(after.at, "" if account_id > after.account_id else _LAST)


def _token(place: Place) -> str:
    return ".".join(map(str, place))


def place_of(token: str) -> Place | None:
    """The link after which the page begins; None for the first page. Raises Invalid."""
    if token in FIRST_PAGE:
        return None
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise not_a_cursor()
    return Place(int(match[1]), match[2], match[3])
