"""The OpenAPI document as a file, for readers of the repository and for generators.

python -m infra.openapi            print it
python -m infra.openapi --write    write docs/openapi.json anew
python -m infra.openapi --check    fail if docs/openapi.json is not what --write would write
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from chalicelib.api.openapi import document

FILE = Path(__file__).parent.parent / "docs" / "openapi.json"


def text() -> str:
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


def main(arguments: Sequence[str] = tuple(sys.argv[1:])) -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.openapi", description=__doc__.splitlines()[0])
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--write", action="store_true", help="write docs/openapi.json anew")
    what.add_argument("--check", action="store_true", help="fail if docs/openapi.json is out of date")
    asked = parser.parse_args(arguments)
    if asked.write:
        FILE.parent.mkdir(exist_ok=True)
        FILE.write_text(text())
    elif asked.check:
        return _check()
    else:
        print(text(), end="")
    return 0


def _check() -> int:
    if FILE.exists() and FILE.read_text() == text():
        return 0
    print("docs/openapi.json is out of date: python -m infra.openapi --write")
    return 1


if __name__ == "__main__":
    sys.exit(main())
