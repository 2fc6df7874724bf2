"""The words of the language."""

BLANK = " \t\r\n"  # what may stand between two words

EXTRACTORS = frozenset({"event", "entity", "trait", "property", "context", "literal"})
FILTERS = frozenset({"where", "sources", "within", "between", "expires_after"})
REDUCERS = frozenset({"count", "sum", "avg", "min", "max", "first", "last", "unique", "mode"})

SYMBOLS = {
    "=": "equals",
    "==": "equals",
    "!=": "differs",
    ">": "greater_than",
    ">=": "at_least",
    "<": "less_than",
    "<=": "at_most",
}
SYMBOL_OF = {
    "equals": "=",
    "differs": "!=",
    "greater_than": ">",
    "at_least": ">=",
    "less_than": "<",
    "at_most": "<=",
}
ONE_OPERAND = frozenset({*SYMBOL_OF, "omits", "starts_with", "ends_with"})
LISTED = frozenset({"one_of", "none_of"})
BARE = frozenset({"absent", "exists"})
DATED = frozenset({"before_date", "after_date"})
RELATIVE = frozenset({"within_last", "within_next", "before_last", "after_next"})
COMPARATORS = ONE_OPERAND | LISTED | BARE | DATED | RELATIVE | {"contains"}

FUNCTIONS = EXTRACTORS | FILTERS | REDUCERS | COMPARATORS

# Names that older definitions carry, and what they are called here.
RETIRED = {
    "eq": "equals",
    "neq": "differs",
    "gt": "greater_than",
    "gte": "at_least",
    "lt": "less_than",
    "lte": "at_most",
    "is_null": "absent",
    "is_set": "exists",
    "contains_one": "contains",
}

CASTS = {
    "min": frozenset({"number", "string"}),
    "max": frozenset({"number", "string"}),
    "mode": frozenset({"number", "string", "array"}),
}

USERS = "USERS"
ACCOUNTS = "ACCOUNTS"
LINKED = "LINKED"
AUDIENCE = "audience"
TRAIT = "trait"
