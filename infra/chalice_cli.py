"""Chalice's command line, packaging for one Lambda runtime whatever interpreter runs it.

Chalice takes the runtime from its own interpreter (Config.lambda_python_version, "we may open this up to
configuration later"). Lambda creates no more functions on python3.11 since July 2026, while that is what many
machines still have. So the runtime is set here, and pip is asked for wheels of that version: given only the ABI it
would look for wheels that fit both versions at once and find none.
"""

import sys
from typing import Any

RUNTIME = "python3.13"  # supported until June 2029


def main() -> int:
    from chalice.cli import main as chalice
    from chalice.config import Config
    from chalice.deploy.packager import PipRunner

    execute = PipRunner._execute

    def for_runtime(self: Any, command: str, arguments: list[str], **options: Any) -> Any:
        if command == "download" and "--abi" in arguments:
            arguments = ["--python-version", RUNTIME.removeprefix("python"), *arguments]
        return execute(self, command, arguments, **options)

    setattr(PipRunner, "_execute", for_runtime)  # noqa: B010 - a method is replaced, which types forbid
    setattr(Config, "lambda_python_version", property(lambda self: RUNTIME))  # noqa: B010
    result: int = chalice()
    return result


if __name__ == "__main__":
    sys.exit(main())
