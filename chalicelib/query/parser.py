"""From the text of a definition to its meaning, or to the first error in it."""

from .errors import EMPTY, QueryError
from .syntax import Definition
from .vocabulary import ACCOUNTS, AUDIENCE, BLANK, LINKED, TRAIT, USERS


def parse(text: str, *, kind: str, scope: str) -> Definition:
    """Read a definition. `kind`: `audience` or `trait`; `scope`: USERS, ACCOUNTS or LINKED. Raises QueryError."""
    # Lark takes 40 ms to import: only a function that reads definitions pays for it.
    from .checker import Checker
    from .tree import tree

    if kind not in (AUDIENCE, TRAIT) or scope not in (USERS, ACCOUNTS, LINKED):
        raise ValueError(f"no such kind or scope: {kind}, {scope}")
    if not text.strip(BLANK):
        raise QueryError(EMPTY, "the definition is empty", text, 0)
    return Checker(text, kind, scope).definition(tree(text))
