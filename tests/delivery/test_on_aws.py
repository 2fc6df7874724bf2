"""What delivery remembers, on the real table and in the real archive."""

import pytest

from chalicelib.clock import DAY, HOUR, SECOND, FixedClock
from chalicelib.delivery.debugger import NEWEST, PER_RECORD, Debugger
from chalicelib.delivery.emissions import Emissions
from chalicelib.delivery.journey_figures import DAYS, Figures, JourneyFigures
from chalicelib.delivery.ledger import Attempts, Ledger
from chalicelib.delivery.pace import Pacer, bucket_of
from chalicelib.delivery.tokens import BeingRenewed, Tokens
from chalicelib.store.dynamodb import DynamoRecords
from chalicelib.store.memory import MemorySecrets
from chalicelib.store.s3 import S3Archive

from .post import answers, delivery, posted
from .test_journey_figures import entry
from .test_progress import V
from .test_tokens import KIND, OWNER, Crm
from .world import NOW, audience, connection, webhook


@pytest.fixture
def clock():
    return FixedClock(NOW)


@pytest.fixture
def records(cloud, clock):
    return DynamoRecords(cloud.clients.dynamodb, cloud.names.settings.work_table, clock)


def test_the_newest_five_hundred_events(records, clock):
    debugger = Debugger(records, clock)
    for start in range(0, NEWEST + 1, PER_RECORD):
        debugger.note([delivery(-n, "deb") for n in range(start, min(NEWEST + 1, start + PER_RECORD))])
    found = debugger.newest("deb")
    assert [event["messageId"] for event in found] == [f"personas_{-n}" for n in range(NEWEST, 0, -1)]
    assert [event["messageId"] for event in debugger.newest("deb", "PERSONAS_-77")] == ["personas_-77"]


def test_letters_page_by_page_while_some_are_removed(records, clock):
    ledger = Ledger(records, clock)
    attempts = Attempts(count=1, first_at=NOW, last_at=NOW, next_at=None, code="400")
    for number in range(25):
        ledger.bury(delivery(number, "letters"), attempts)
    first = ledger.letter_page("letters", 10)
    for letter in first.letters:
        ledger.remove(letter)
    second = ledger.letter_page("letters", 10, first.cursor)
    assert [letter.message_id for letter in second.letters] == [f"personas_{n}" for n in range(10, 20)]
    assert len(list(ledger.every_letter("letters"))) == 15


def test_a_budget_is_shared(records, clock):
    pacer, ten = Pacer(records, clock), bucket_of("s", "pace", 10)
    assert pacer.take(ten, 6, None).requests == 6
    assert pacer.take(ten, 6, None).requests == 4, "the record was there already"
    pacer.report(ten, 0, 3, None)
    clock.advance(10 * SECOND)
    assert pacer.take(ten, 20, records.get(ten.key)).requests == 5


def test_one_refresh_at_a_time(records, clock):
    crm = Crm()
    tokens = Tokens(records, MemorySecrets(), crm.transport, clock)
    assert tokens.renew("crm", KIND, OWNER, OWNER) == {**OWNER, "accessToken": "new1"}
    assert tokens.settings("crm", KIND, OWNER)["accessToken"] == "new1"
    tokens._lease("crm2", OWNER, None)
    with pytest.raises(BeingRenewed):
        tokens.renew("crm2", KIND, OWNER, OWNER)


def test_what_was_made_is_found_by_its_time(cloud, records, clock):
    archive = S3Archive(cloud.clients.s3, cloud.names.settings.archive_bucket)
    emissions = Emissions(archive, Ledger(records, clock).counters, Debugger(records, clock), clock)
    for number in range(3):
        emissions.note([delivery(number, "made")])
        clock.advance(HOUR)
    found = list(emissions.between(NOW + 1, clock.now()))
    assert [emissions.read(one)[0].message_id for one in found] == ["personas_1", "personas_2"]
    assert [one.at for one in emissions.between(NOW, clock.now(), found[0].key)] == [found[1].at]


def test_a_life_of_retries(cloud, clock):
    vip = audience()
    world = {"destinations": [webhook("aws")], "connections": [connection(vip, "aws")]}
    post = posted(
        answers(429, 503, 200),
        delivery(1, "aws"),
        records=lambda clock: DynamoRecords(cloud.clients.dynamodb, cloud.names.settings.work_table, clock),
        **world,
    )
    post.play()
    assert len(post.asked_at) == 3
    assert post.ledger.counts("aws") == {"delivered": 1, "retried": 2, "pending": 0}


def test_figures_of_journeys_until_nobody_can_ask_for_them(records, clock):
    counted, changes = JourneyFigures(records, clock), [entry(profile_id=f"p{n}") for n in range(20)]
    for some in (changes[:10], changes[5:], changes):
        assert counted.write(some) == set()
    assert counted.between(V, NOW, NOW) == Figures(20, joins={"a": 20})
    clock.advance((DAYS + 40) * DAY)
    assert counted.between(V, NOW, NOW) == Figures()
    assert counted.write([entry(clock.now(), "p1", 2)]) == set()
    assert counted.between(V, clock.now(), clock.now()).entered == 1
