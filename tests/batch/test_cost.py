"""A popular account: its people are read a hundred at a time, and written only if they change sides."""

from tests.bench.batch_cost import Bench
from tests.pipeline.shop import track

from .firm import group


def test_a_popular_account_takes_two_calls_for_a_hundred_people() -> None:
    bench = Bench(1, 1_000, events=1)
    entering = bench.run("big")
    assert entering.writes == 1_000 + 1 + 1  # each of them, the account and the instant of the run
    bench.firm.send(track("Logged In", "g0-7"))
    again = bench.run("big")
    assert again.writes == 1
    assert again.calls <= 2 * 1_000 / 100 + 10
    assert again.reads <= 1_000 + 100
    bench.firm.send(group("new", "g0"))
    assert bench.run("big").writes == 1 + 1
