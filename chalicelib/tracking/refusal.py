"""A tracking request that is answered 400."""

from ..errors import Invalid, Problem


class Refused(Invalid):
    """Nothing of the request is stored. `code` is for machines, `message` for the developer who reads the reply."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(Problem(message))
        self.code = code
        self.message = message
