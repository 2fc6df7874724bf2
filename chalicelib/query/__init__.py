"""The definition language of audiences and computed traits.

`parse` reads a definition, `compile` turns it into a plan. A plan's streams say what a profile must remember of its
events; `evaluate` gives the value for one profile at one instant and the next instant at which time alone can
change it.

What a profile remembers is bounded:

- totals over all time take constant space, lists and modes stop at 10,000 distinct values;
- "at least n within a window", the newest value, greatest, least and distinct values within a window keep only the
  events that can still decide;
- other windows keep 1,024 events as they came, older ones are merged by the hour (see `memories.coalescing`);
- sessions are kept as totals, the newest 32 of them;
- funnels and conditions on traits keep the newest 10,000 events of each stream;
- of events dated in the future the next 1,024 wait for their day.
"""

from .compiler import compile
from .errors import QueryError
from .explanation import explain
from .occurrence import Occurrence
from .parser import parse
from .plan import Evaluation, Plan, evaluate, evaluate_account
from .printer import to_text
from .references import cadence, check_cycle, depends_on, is_funnel, keys_read, together, windows
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
    "depends_on",
    "evaluate",
    "evaluate_account",
    "explain",
    "is_funnel",
    "keys_read",
    "parse",
    "to_text",
    "together",
    "windows",
]
