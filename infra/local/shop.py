"""Two days in the life of a small shop, the same in every run: who visits, signs up, fills a cart and orders."""

import random
from collections.abc import Iterator
from typing import Any, NamedTuple

SEED = 20_260_101
PEOPLE = 320
HOURS = 48
SINK = "shop"  # where its webhook delivers to

# Visits per hour of the day, from midnight on: quiet at night, a hump at noon, a larger one in the evening.
RHYTHM = (1, 0, 0, 0, 0, 1, 3, 5, 7, 9, 10, 12, 14, 12, 9, 8, 8, 10, 13, 17, 20, 18, 11, 4)

FIRST = [
    "Ada",
    "Bo",
    "Cem",
    "Dara",
    "Eli",
    "Finn",
    "Gia",
    "Hugo",
    "Ines",
    "Jun",
    "Kai",
    "Lena",
    "Milo",
    "Nora",
    "Otto",
    "Pia",
    "Quinn",
    "Rosa",
    "Sami",
    "Tess",
]
LAST = [
    "Abara",
    "Berg",
    "Castro",
    "Dahl",
    "Evans",
    "Faro",
    "Groß",
    "Hoang",
    "Ito",
    "Jansen",
    "Kaya",
    "Lund",
    "Mora",
    "Novak",
    "Okoye",
    "Petit",
]
GOODS = (
    ("desk-lamp", "Desk lamp", 39.0),
    ("tea-set", "Tea set", 24.5),
    ("wool-blanket", "Wool blanket", 89.0),
    ("cast-iron-pan", "Cast-iron pan", 64.0),
    ("notebook", "Notebook", 9.5),
    ("headphones", "Headphones", 129.0),
)

Json = dict[str, Any]


class Person(NamedTuple):
    number: int
    name: str
    email: str
    is_subscriber: bool

    @property
    def user_id(self) -> str:
        return f"user-{self.number}"

    @property
    def anonymous_id(self) -> str:
        return f"browser-{self.number}"


class Call(NamedTuple):
    """One call of an SDK: `at` is seconds since the beginning, `kind` the method. `user_id` None: not signed in."""

    at: float
    kind: str
    user_id: str | None
    anonymous_id: str
    name: str
    content: Json


def calls() -> list[Call]:
    """All of them, in the order of time."""
    dice = random.Random(SEED)  # noqa: S311 - a story, not a secret
    people = [_person(number, dice) for number in range(1, PEOPLE + 1)]
    told = [call for person in people for call in _days(person, dice)]
    return sorted(call for call in told if call.at < HOURS * 3_600)


def _person(number: int, dice: random.Random) -> Person:
    first, last = dice.choice(FIRST), dice.choice(LAST)
    email = f"{first}.{last}{number}@example.com".lower().replace("ß", "ss")
    return Person(number, f"{first} {last}", email, dice.random() < 0.4)


def _days(person: Person, dice: random.Random) -> Iterator[Call]:
    """A person visits one to four times and signs up in one of the visits, or never."""
    visits = sorted(_visit_time(dice) for _ in range(dice.choice((1, 1, 2, 2, 3, 4))))
    signs_up_in = dice.choice((0, 0, 0, 1, 1, None))
    signed_in = False
    for number, at in enumerate(visits):
        visit = _Visit(person, at, signed_in, dice)
        yield from visit.browse(signs_up=number == signs_up_in)
        signed_in = visit.signed_in


def _visit_time(dice: random.Random) -> float:
    hour = dice.choices(range(24), RHYTHM)[0] + 24 * dice.randrange(2)
    return (hour + dice.random()) * 3_600


class _Visit:
    def __init__(self, person: Person, at: float, signed_in: bool, dice: random.Random) -> None:
        self._person, self._at, self.signed_in, self._dice = person, at, signed_in, dice

    def browse(self, *, signs_up: bool) -> Iterator[Call]:
        """Look, perhaps sign up, perhaps put something into the cart, perhaps order it."""
        yield self._call("page", "Home", {"path": "/"})
        goods = self._dice.sample(GOODS, self._dice.choice((1, 1, 2, 3)))
        for key, name, price in goods:
            yield self._call("track", "Product Viewed", {"product_id": key, "name": name, "price": price})
        if signs_up:
            yield from self._sign_up()
        wanted = [one for one in goods if self._dice.random() < 0.45]
        for key, name, price in wanted:
            yield self._call("track", "Product Added", {"product_id": key, "name": name, "price": price, "quantity": 1})
        if wanted and self.signed_in and self._dice.random() < 0.6:
            yield from self._order(wanted)

    def _sign_up(self) -> Iterator[Call]:
        self.signed_in = True
        traits = {
            "email": self._person.email,
            "name": self._person.name,
            "newsletter": self._person.is_subscriber,
            "plan": self._dice.choice(("free", "free", "plus")),
        }
        yield self._call("identify", "", traits)
        yield self._call("track", "Signed Up", {"plan": traits["plan"]})

    def _order(self, goods: list[tuple[str, str, float]]) -> Iterator[Call]:
        total = round(sum(price for _, _, price in goods), 2)
        products = [{"product_id": key, "name": name, "price": price, "quantity": 1} for key, name, price in goods]
        yield self._call("track", "Checkout Started", {"value": total})
        order = {"order_id": f"order-{self._person.number}-{int(self._at)}", "revenue": total, "currency": "EUR"}
        yield self._call("track", "Order Completed", {**order, "products": products})

    def _call(self, kind: str, name: str, content: Json) -> Call:
        self._at += self._dice.uniform(5, 90)
        user_id = self._person.user_id if self.signed_in else None
        return Call(self._at, kind, user_id, self._person.anonymous_id, name, content)
