"""The definition language of audiences and computed traits.

`parse` reads a definition, `compile` turns it into a plan. A plan's streams say what a profile must remember of its
events; `evaluate` gives the value for one profile at one instant and the next instant at which time alone can
change it.

What a profile remembers is bounded. Totals over all time take constant space; lists and modes stop at 10,000
distinct values. A window keeps 1,024 events as they came, older ones are merged by the hour (see
`memories.coalescing`). Funnels and conditions on traits keep the newest 10,000 events of each stream.
"""

from .compiler import compile
from .errors import QueryError
from .explanation import explain
from .occurrence import Occurrence
from .parser import parse
from .plan import Evaluation, Plan, evaluate, evaluate_account
from .printer import to_text
from .references import cadence, check_cycle
from .stream import Stream
from .syntax import Definition

__all__ = [
    "Definition",
    "Evaluation",
    "Occurrence",
    "Plan",
    "QueryError",
    "Stream",
    "cadence",
    "check_cycle",
    "compile",
    "evaluate",
    "evaluate_account",
    "explain",
    "parse",
    "to_text",
]
