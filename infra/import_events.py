"""`make import`: a file of events into the running local stack, one message of the tracking API per line.

python -m infra.import_events FILE [--space ID] [--source ID]

FILE is NDJSON, plain or gzip. Uses nothing but the management API of the stack that `.local/stack.json` describes.
"""

import argparse
import gzip
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import urllib3
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from chalicelib.replay.lines import GZIP_MAGIC

from .local.client import Client, Refused
from .local.stack import STACK_FILE, keep_to_this_machine

POLL = 0.25  # seconds
CHUNK = 1 << 20  # bytes
SHOWN = 10  # rejected lines


class CannotImport(Exception):
    """There is nothing to import, or nowhere to import it."""


def main(arguments: Sequence[str] = tuple(sys.argv[1:])) -> int:
    asked = _parser().parse_args(arguments)
    console = Console()
    try:
        client = _client(Path(os.environ.get("MUSTER_LOCAL", ".local")))
        made = take_in(client, asked.file, asked.space, asked.source, console)
    except (CannotImport, Refused) as error:
        console.print(str(error), style="red", markup=False)
        return 1
    show(made, console)
    return 0 if made["status"] == "COMPLETED" else 1


def take_in(client: Client, file: Path, space: str | None, source: str | None, console: Console) -> dict[str, Any]:
    """The import once it is through. Raises CannotImport and Refused."""
    total = inflated_size(file)
    path = f"/spaces/{space or client.stack['space_id']}/imports"
    upload = client.manage("POST", path, {})["upload"]
    _put(upload["url"], file)
    sent = {"key": upload["key"], "sourceId": source or client.stack["source_id"]}
    made: dict[str, Any] = client.manage("POST", path, sent)["import"]
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("Reading", total=total)
        while made["status"] == "RUNNING":
            time.sleep(POLL)
            made = client.manage("GET", f"{path}/{made['id']}")["import"]
            done = made.get("progress", {"bytesRead": 0, "lines": 0})
            progress.update(bar, completed=done["bytesRead"], description=f"{done['lines']:,} lines")
    return made


def show(made: dict[str, Any], console: Console) -> None:
    """What became of the lines."""
    if made["status"] != "COMPLETED":
        console.print(f"The import is {made['status'].lower()}. {made.get('failureReason', '')}", markup=False)
        return
    report = made["report"]
    if "sameAs" in report:
        console.print(f"This file was imported before, by {report['sameAs']}: nothing was sent again.", markup=False)
        return
    console.print(f"{report['accepted']:,} of {report['lines']:,} lines were taken, {report['rejected']:,} were not.")
    if report["rejected"]:
        table = Table("Line", "Why", box=None, header_style="bold")
        for sample in report["samples"][:SHOWN]:
            table.add_row(str(sample["line"]), sample["code"])
        console.print(table)
        codes = ", ".join(f"{code} {count:,}" for code, count in report["codes"].items())
        console.print(f"In all: {codes}. The whole list: {report['rejectedUrl']}", markup=False, soft_wrap=True)


def inflated_size(file: Path) -> int:
    """Of the lines. Raises CannotImport."""
    try:
        with file.open("rb") as plain:
            packed = plain.read(len(GZIP_MAGIC)) == GZIP_MAGIC
        if not packed:
            return file.stat().st_size
        with gzip.open(file) as lines:
            return sum(len(read) for read in iter(lambda: lines.read(CHUNK), b""))
    except (OSError, EOFError) as error:
        raise CannotImport(f"{file} cannot be read: {error}") from error


def _put(url: str, file: Path) -> None:
    with file.open("rb") as body:
        headers = {"Content-Length": str(file.stat().st_size)}
        answer = urllib3.request("PUT", url, body=body, headers=headers, retries=False)
    if answer.status != 200:
        raise CannotImport(f"The archive did not take the file: {answer.status}")


def _client(home: Path) -> Client:
    try:
        client = Client.of_file(home / STACK_FILE)
    except FileNotFoundError as error:
        raise CannotImport("Nothing runs here: `make run` starts it.") from error
    keep_to_this_machine()
    return client


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.import_events", description="Import a file of events.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--space", help="id of the space; that of the stack without it")
    parser.add_argument("--source", help="id of the source through which the events come in")
    return parser


if __name__ == "__main__":
    sys.exit(main())
