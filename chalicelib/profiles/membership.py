"""Membership in audiences of accounts, as the people of these accounts have it.

Somebody is in as long as one of their accounts is. The profile lists the accounts by which, so that one account can
be settled without a look at the others, and so that people who are merged are in by the accounts of both.
"""

from typing import Any, NamedTuple

from .profile import Head, Outcome, Profile


class Standing(NamedTuple):
    """How somebody stands to an audience, as far as one account goes: the ids of the account that let them in, and
    the value they hold; None if they were never in."""

    by: tuple[str, ...]
    held: Any


def standing(user: Profile, key: str, account: Profile) -> Standing:
    outcome = user.head.outcomes.get(key)
    ids = account.ids
    by = tuple(listed for listed in user.head.via.get(key, ()) if listed in ids)
    return Standing(by, None if outcome is None else outcome.value)


def agrees(standing: Standing, account: Profile, value: Any) -> bool:
    """Whether nothing is to be done for an account with this value: true, false, or None if it never was in."""
    if standing.by != ((account.profile_id,) if value is True else ()):
        return False
    return value is None or standing.held is not None


def settle(user: Profile, key: str, computation_id: str, account: Profile, value: Any, now: int) -> bool:
    """Let the person stand as the account does; True if that changed whether they are in. To be saved if
    `agrees` said no before."""
    head, ids = user.head, account.ids
    by = [listed for listed in head.via.get(key, ()) if listed not in ids]
    if value is True:
        by.append(account.profile_id)
    _list(head, key, by)
    before = head.outcomes.get(key)
    if not by and before is None and value is None:
        return False
    if before is not None and before.value is bool(by) and before.computation_id == computation_id:
        return False
    head.outcomes[key] = Outcome(bool(by), computation_id, now)
    return True


def fold(kept: Head, gone: Head) -> None:
    """Once the outcomes of the two are: whoever is in by an account stays in, whatever the newer word was."""
    for key, accounts in gone.via.items():
        known = kept.via.get(key, [])
        kept.via[key] = [*known, *(account for account in accounts if account not in known)]
    for key in kept.via:
        outcome = kept.outcomes.get(key)
        if outcome is not None and outcome.value is not True:
            kept.outcomes[key] = Outcome(True, outcome.computation_id, outcome.changed_at)


def _list(head: Head, key: str, accounts: list[str]) -> None:
    if accounts:
        head.via[key] = accounts
    else:
        head.via.pop(key, None)
