"""Six audiences, and how somebody would ask for them by hand in two dialects of SQL.

`*_rows` give one row for each profile that the audience's streams would remember something of, with all that they
would remember. Braces stand for the tables.
"""

from typing import NamedTuple

from chalicelib import query

NOW = 1_715_774_400_000
DAY = 86_400_000
_MONTH = f"timestamp between {NOW - 30 * DAY} and {NOW}"
_WEEK = f"timestamp between {NOW - 7 * DAY} and {NOW}"
_PRICE = """json_extract(properties, '$.price')::double"""
_JSON_PRICE = "JSONExtractFloat(properties, 'price')"
_JSON_DECIMAL = "JSONExtract(properties, 'price', 'Decimal(18, 2)')"  # a float would be cut off, not rounded


class Question(NamedTuple):
    name: str
    text: str
    duckdb: str
    duckdb_rows: str
    clickhouse: str
    clickhouse_rows: str

    @property
    def plan(self) -> query.Plan:
        return query.compile(query.parse(self.text, kind="audience", scope="USERS"))


_A = "event = 'Product Added'"
_B = "event = 'Order Completed'"
_FUNNEL_ROWS = (
    "select profile_id, list(timestamp) filter (where {a}), list(timestamp) filter (where {b})"
    " from {{events}} where {a} and {recent} or {b} and {recent} group by 1"
)
_FUNNEL_ARRAYS = (
    "select profile_id, groupArrayIf(timestamp, {a}), groupArrayIf(timestamp, {b})"
    " from {{events}} where {a} and {recent} or {b} and {recent} group by 1"
)
_FILL = {"a": _A, "b": _B, "recent": f"timestamp >= {NOW - 30 * DAY}"}
# A stream keeps what was recent when it arrived: that is every event of these files.
_KEPT = _FILL | {"recent": "timestamp >= received_at - 2592000000"}

_ASOF = """
    select distinct a.profile_id from (select profile_id, timestamp from {{events}} where {a} and {recent}) a
    asof left join (select profile_id, timestamp from {{events}} where {b} and {recent}) b
    on a.profile_id = b.profile_id and a.timestamp < b.timestamp where {kept}
"""
_ASOF_CH = """
    select distinct a.profile_id from (select profile_id, timestamp from {{events}} where {a} and {recent}) a
    asof left join (select profile_id, timestamp from {{events}} where {b} and {recent}) b
    on a.profile_id = b.profile_id and a.timestamp < b.timestamp where {kept}
"""
_WITHIN = f"b.timestamp <= a.timestamp + {DAY}"

QUESTIONS = [
    Question(
        "count in a window",
        "event('Product Viewed').within(30 days).count() >= 5",
        f"select profile_id from {{events}} where event = 'Product Viewed' and {_MONTH} group by 1"
        " having count(*) >= 5",
        "select profile_id, max(timestamp, 5) from {events} where event = 'Product Viewed'"
        " and timestamp >= received_at - 2592000000 group by 1",
        f"select profile_id from {{events}} where event = 'Product Viewed' and {_MONTH} group by 1 having count() >= 5",
        "select profile_id, groupArraySorted(5)(-timestamp) from {events} where event = 'Product Viewed'"
        " and timestamp >= received_at - 2592000000 group by 1",
    ),
    Question(
        "with a property filter",
        "event('Product Viewed').where(property('price') > 150).within(30 days).count() >= 2",
        f"select profile_id from {{events}} where event = 'Product Viewed' and {_MONTH} and {_PRICE} > 150 group by 1"
        " having count(*) >= 2",
        f"select profile_id, max(timestamp, 2) from {{events}} where event = 'Product Viewed' and {_PRICE} > 150"
        " and timestamp >= received_at - 2592000000 group by 1",
        f"select profile_id from {{events}} where event = 'Product Viewed' and {_MONTH} and {_JSON_PRICE} > 150"
        " group by 1 having count() >= 2",
        f"select profile_id, groupArraySorted(2)(-timestamp) from {{events}} where event = 'Product Viewed'"
        f" and {_JSON_PRICE} > 150 and timestamp >= received_at - 2592000000 group by 1",
    ),
    Question(
        "sum over all time",
        "event('Order Completed').sum(property('price')) > 300",
        f"select profile_id from {{events}} where {_B} group by 1 having sum({_PRICE}::decimal(18, 2)) > 300",
        f"select profile_id, count(*), sum({_PRICE}::decimal(18, 2)) from {{events}} where {_B} group by 1",
        f"select profile_id from {{events}} where {_B} group by 1 having sum({_JSON_DECIMAL}) > 300",
        f"select profile_id, count(), sum({_JSON_DECIMAL}) from {{events}} where {_B} group by 1",
    ),
    Question(
        "traits and a count",
        "trait('plan') = 'pro' AND trait('score') >= 50 AND event('Page Viewed').within(7 days).count() >= 1",
        f"select profile_id from {{people}} where json_extract_string(traits, '$.plan') = 'pro'"
        f" and json_extract(traits, '$.score')::double >= 50 and profile_id in"
        f" (select profile_id from {{events}} where event = 'Page Viewed' and {_WEEK})",
        "select profile_id, max(timestamp) from {events} where event = 'Page Viewed'"
        " and timestamp >= received_at - 604800000 group by 1",
        f"select profile_id from {{people}} where JSONExtractString(traits, 'plan') = 'pro'"
        f" and JSONExtractFloat(traits, 'score') >= 50 and profile_id in"
        f" (select profile_id from {{events}} where event = 'Page Viewed' and {_WEEK})",
        "select profile_id, max(timestamp) from {events} where event = 'Page Viewed'"
        " and timestamp >= received_at - 604800000 group by 1",
    ),
    Question(
        "funnel: did",
        "event('Product Added').where(event('Order Completed').within(parent: 1 day).count() >= 1)"
        ".within(30 days).count() >= 1",
        _ASOF.format(**_FILL, kept=_WITHIN),
        _FUNNEL_ROWS.format(**_KEPT),
        _ASOF_CH.format(**_FILL, kept=f"b.timestamp > 0 and {_WITHIN}"),
        _FUNNEL_ARRAYS.format(**_KEPT),
    ),
    Question(
        "funnel: did not",
        "event('Product Added').where(NOT event('Order Completed').within(parent: 1 day).count() >= 1)"
        ".within(30 days).count() >= 1",
        _ASOF.format(**_FILL, kept=f"({_WITHIN}) is not true"),
        _FUNNEL_ROWS.format(**_KEPT),
        _ASOF_CH.format(**_FILL, kept=f"coalesce(b.timestamp, 0) = 0 or b.timestamp > a.timestamp + {DAY}"),
        _FUNNEL_ARRAYS.format(**_KEPT),
    ),
]
