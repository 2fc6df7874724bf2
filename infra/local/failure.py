"""Why there is no stack to work with."""


class CannotStart(Exception):
    """The message is for the user: what is in the way, and what to do about it."""
