"""Pages of the Profile API."""

import pytest

from chalicelib.computations.catalogue import Catalogue
from chalicelib.errors import Invalid
from chalicelib.identity.external_id import ExternalId
from chalicelib.profiles import pages
from chalicelib.profiles.profile import Head, Outcome, Profile, Trait
from tests.events import T0


def profile(**head):
    return Profile(space_id="s", profile_id="use_1", head=Head(**head))


def ids(*times):
    return [ExternalId("anonymous_id", f"a{n}", f"map_{n:02}", at, "src", "m") for n, at in enumerate(times)]


def walk(items, first_page, limit):
    seen, token = [], ""
    while True:
        page = first_page(items, limit, token)
        seen.extend(page.items)
        token = page.next
        if not token:
            return seen


def test_traits_come_in_byte_order_without_removed_ones():
    traits = {k: Trait(v, T0, "src") for k, v in {"b": 1, "a": "", "Z": 0, "gone": None, "é": 2}.items()}
    shown = pages.traits(profile(traits=traits), Catalogue(1), "engage")
    assert [t.key for t in shown] == ["Z", "a", "b", "é"]


def test_what_a_deleted_computation_left_has_no_class():
    outcome = Outcome(True, "aud_1", T0)
    (shown,) = pages.traits(profile(outcomes={"vip": outcome}), Catalogue(1), "engage")
    assert (shown.value, shown.source_id, shown.trait_class) == (True, "engage", None)


@pytest.mark.parametrize("limit", [1, 3, 10])
def test_a_walk_shows_every_trait_once_even_when_others_appear(limit):
    traits = {f"t{n:02}": Trait(n, T0, "src") for n in range(10)}
    shown = pages.traits(profile(traits=traits), Catalogue(1), "e")
    assert walk(shown, pages.traits_from, limit) == shown
    first = pages.traits_from(shown, 3, "")
    later = pages.traits(profile(traits={**traits, "t005": Trait(1, T0, "s")}), Catalogue(1), "e")
    assert [t.key for t in pages.traits_from(later, 3, first.next).items] == ["t03", "t04", "t05"]


def test_a_trait_called_like_the_first_page_does_not_begin_the_walk_anew():
    keys = ["$a", "$b", "", "0", "00", "1", "\0"]
    shown = pages.traits(profile(traits={k: Trait(1, T0, "src") for k in keys}), Catalogue(1), "e")
    for limit in (1, 2, 3):
        assert walk(shown, pages.traits_from, limit) == shown
    assert pages.traits_from(shown, 1, "0") == pages.traits_from(shown, 1, "")


def test_external_ids_come_newest_first_and_can_be_chosen_by_type():
    owner = profile(external_ids=[*ids(T0, T0 + 2, T0 + 1), ExternalId("email", "e", "map_e", T0, "src", "m")])
    assert [e.id for e in pages.external_ids(owner, None)] == ["map_01", "map_02", "map_00", "map_e"]
    assert [e.id for e in pages.external_ids(owner, ["email"])] == ["map_e"]


def test_a_walk_of_external_ids_is_not_disturbed_by_a_new_one():
    known = ids(*range(T0, T0 + 7))
    owner = profile(external_ids=known)
    first = external_ids_from(owner, 3, "")
    owner.head.external_ids = [*known, ExternalId("email", "new", "map_new", T0 + 99, "src", "m")]
    second = external_ids_from(owner, 3, first.next)
    third = external_ids_from(owner, 3, second.next)
    assert [*first.items, *second.items, *third.items] == known[::-1]
    assert third.next == ""


def test_a_walk_of_external_ids_goes_on_when_the_next_one_is_removed():
    known = ids(T0, T0, T0, T0 + 1, T0 + 1)
    owner = profile(external_ids=known)
    first = external_ids_from(owner, 1, "0")
    assert [e.id for e in first.items] == ["map_03"]
    owner.head.external_ids = [e for e in known if e.id != "map_04"]
    assert [e.id for e in external_ids_from(owner, 9, first.next).items] == ["map_00", "map_01", "map_02"]


@pytest.mark.parametrize("token", ["map_unknown", "map_1.", "map_1.x", "1", "map_1.99999999999999999999", "é"])
def test_a_cursor_nobody_gave_is_refused(token):
    with pytest.raises(Invalid, match="next"):
        pages.place_of_external_id(token)


def external_ids_from(owner, limit, token):
    return pages.external_ids_from(pages.external_ids(owner, None), limit, pages.place_of_external_id(token))
