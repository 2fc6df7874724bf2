"""The application of this process, on AWS unless somebody installs another one."""

import os
import threading

from .adapters import Adapters, on_aws
from .application import Application
from .settings import from_environment

__all__ = ["Adapters", "Application", "current", "install", "on_aws"]

_lock = threading.Lock()
_current: Application | None = None


def current() -> Application:
    """The application of this process, built on first use: importing must not read the environment."""
    global _current
    if _current is None:
        with _lock:
            if _current is None:
                settings = from_environment(os.environ)
                _current = Application(
                    on_aws(settings),
                    settings.profile_api_rate,
                    settings.management_rate,
                    settings.bootstrap_secret,
                    settings.settle_seconds,
                )
    return _current


def install(application: Application | None) -> None:
    """Use this application instead of one built from the environment; None forgets it."""
    global _current
    _current = application
