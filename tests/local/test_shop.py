"""The demo's story holds together, and its picture shows it."""

from infra.local import demo, shop


def test_the_story_is_the_same_every_time() -> None:
    assert shop.calls() == shop.calls()


def test_it_lasts_two_days_in_order() -> None:
    times = [call.at for call in shop.calls()]
    assert times == sorted(times)
    assert times[0] >= 0
    assert times[-1] < shop.HOURS * 3_600
    assert sum(len(part) for _, part in demo._hours(shop.calls())) == len(times)


def test_people_are_anonymous_until_they_sign_up_and_order_only_afterwards() -> None:
    signed_up: set[str] = set()
    ordered = 0
    for call in shop.calls():
        if call.kind == "identify":
            signed_up.add(call.anonymous_id)
        assert (call.user_id is not None) == (call.anonymous_id in signed_up)
        ordered += call.name == "Order Completed"
    assert 0 < len(signed_up) < shop.PEOPLE
    assert ordered


def test_the_picture_of_an_audience_reaches_from_nobody_to_its_largest() -> None:
    assert demo._sparkline([0, 0, 0, 1, 0, 4, 0, 8]) == " ▁▄█"
    assert demo._sparkline([0, 0, 0, 0]) == "  "
