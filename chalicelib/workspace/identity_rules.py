"""The identity rules of spaces."""

from ..errors import Invalid
from ..identity.rules import DEFAULT_RULES, Rules, problems
from .storage import Storage, identity_rules_key


class IdentityRules:
    """They hold for events processed after the change; profiles that are outside tighter rules stay as they are."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def get(self, space_id: str) -> Rules:
        """The default rules until others are put."""
        return self._storage.identity_rules.find(identity_rules_key(space_id)) or DEFAULT_RULES

    def put(self, space_id: str, rules: Rules) -> None:
        """All rules at once. Raises Invalid with every problem."""
        found = problems(rules)
        if found:
            raise Invalid(*found)
        self._storage.identity_rules.put(identity_rules_key(space_id), rules)
        self._storage.bump(space_id)
