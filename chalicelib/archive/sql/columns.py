"""Named expressions, each selected once however often it is asked for."""


class Columns:
    """Hands out aliases that begin with `prefix`."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._aliases: dict[str, str] = {}

    def named(self, expression: str) -> str:
        return self._aliases.setdefault(expression, f"{self._prefix}{len(self._aliases)}")

    def select(self) -> list[str]:
        """What to select so that the aliases are there."""
        return [f"{expression} as {alias}" for expression, alias in self._aliases.items()]
