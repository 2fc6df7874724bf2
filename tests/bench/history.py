"""Definitions over history beside ClickHouse and hand-written SQL, on the same files and with the same answers.

    python -m tests.bench.history [MILLIONS OF EVENTS] [THOUSANDS OF USERS] [REPETITIONS]

Needs `chdb==4.4.0` (ClickHouse in this process), which is no requirement of anything else: install it into a virtual
environment of its own beside duckdb, msgspec and lark. Each way uses two threads. Repetitions are interleaved, so that
other work on the machine slows all ways down alike. Files are kept in the directory HISTORY_BENCH (default: one in the
system's temporary directory) and made anew when the sizes change.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import duckdb

from tests.bench import history_questions as questions
from tests.bench.history_files import make

THREADS = 2
SAMPLED = "0"  # what ids end with, of whom contents are compared: one in sixteen
Contents = dict[str, list[list[Decimal]]]  # by profile id, a list of numbers for each column


def connected() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect(config={"threads": THREADS, "memory_limit": "1200MB"})
    con.execute("set preserve_insertion_order = false")
    con.execute("set enable_progress_bar = false")
    return con


class Ours:
    """Preview and scan as they are, over the views of a session."""

    def __init__(self, files: str, people: str) -> None:
        from chalicelib.archive import views
        from chalicelib.archive.columns import EVENT, SNAPSHOT
        from chalicelib.archive.history import FOREVER

        self.connection = con = connected()
        views.erased(con, [])
        views.events(con, "events", views.everything([Path(files)], EVENT), 0, FOREVER)
        views.events(con, "candidates", views.nothing(EVENT), 0, FOREVER)
        views.people(con, views.everything([Path(people)], SNAPSHOT), views.nothing(SNAPSHOT), None)

    def preview(self, question: questions.Question) -> int:
        from chalicelib.archive.membership import evaluate_history

        return evaluate_history(self, question.plan, now=questions.NOW, external_ids=["user_id"]).size

    def scan(self, question: questions.Question) -> int:
        from chalicelib.archive.scan import scan

        found = 0
        for one in scan(self, question.plan.streams, settled_before=questions.NOW + questions.DAY):
            found += bool(one.states)
        return found

    def members(self, question: questions.Question) -> set[str]:
        self.preview(question)
        return _first(self.connection.execute("select profile_id from members").fetchall())

    def contents(self, question: questions.Question) -> Contents:
        from chalicelib.archive.scan import scan

        streams = sorted(question.plan.streams, key=lambda stream: stream.event, reverse=True)  # as columns are
        found = scan(self, streams, settled_before=questions.NOW + questions.DAY)
        return {
            one.profile_id: _columns([part for stream in streams for part in _told(one.states.get(stream.key), stream)])
            for one in found
            if one.profile_id.endswith(SAMPLED)
        }


class HandWritten:
    """What somebody who knows DuckDB would write for the one question."""

    def __init__(self, files: str, people: str) -> None:
        self._connection = connected()
        self._tables = {"events": f"read_parquet('{files}')", "people": f"read_parquet('{people}')"}

    def preview(self, question: questions.Question) -> int:
        query = question.duckdb.format(**self._tables)
        return int(self._connection.execute(f"select count(*) from ({query})").fetchall()[0][0])

    def members(self, question: questions.Question) -> set[str]:
        return _first(self._connection.execute(question.duckdb.format(**self._tables)).fetchall())

    def contents(self, question: questions.Question) -> Contents:
        rows = self._connection.execute(question.duckdb_rows.format(**self._tables)).fetchall()
        return {row[0]: _columns(row[1:]) for row in rows if row[0].endswith(SAMPLED)}

    def scan(self, question: questions.Question) -> int:
        rows, found = self._connection.execute(question.duckdb_rows.format(**self._tables)), 0
        while batch := rows.fetchmany(10_000):
            found += len(batch)
        return found


class ClickHouse:
    """The same in ClickHouse. What a scan finds comes to Python as rows of JSON."""

    def __init__(self, files: str, people: str) -> None:
        from chdb import session  # type: ignore[import-not-found]

        self._session = session.Session()
        self._tables = {"events": f"file('{files}', Parquet)", "people": f"file('{people}', Parquet)"}
        self._settings = f" settings max_threads={THREADS}, join_use_nulls=0"

    def preview(self, question: questions.Question) -> int:
        query = question.clickhouse.format(**self._tables)
        return int(str(self._session.query(f"select count() from ({query}){self._settings}", "CSV")).strip())

    def scan(self, question: questions.Question) -> int:
        import msgspec

        query = question.clickhouse_rows.format(**self._tables)
        found = self._session.query(f"{query}{self._settings}", "JSONCompactEachRow").bytes()
        return sum(1 for line in found.splitlines() if msgspec.json.decode(line))

    def members(self, question: questions.Question) -> set[str]:
        return _first(self._rows(question.clickhouse))

    def contents(self, question: questions.Question) -> Contents:
        rows = self._rows(question.clickhouse_rows)
        return {row[0]: _columns(row[1:]) for row in rows if row[0].endswith(SAMPLED)}

    def _rows(self, query: str) -> list[Any]:
        import msgspec

        found = self._session.query(f"{query.format(**self._tables)}{self._settings}", "JSONCompactEachRow").bytes()
        return [msgspec.json.decode(line) for line in found.splitlines()]


def _told(state: Any, stream: Any) -> list[Any]:
    """A state as the columns in which others tell the same."""
    if stream.spec.reduced.reducer != "sum":
        return [state]
    (count, coefficient, places), _ = state
    return [count, Decimal(coefficient).scaleb(-places)]


def _columns(values: Iterable[Any]) -> list[list[Decimal]]:
    return [sorted(_numbers(value)) for value in values]


def _numbers(value: Any) -> Iterator[Decimal]:
    """Times are sorted by their negative in one of the ways."""
    if isinstance(value, list):
        for item in value:
            yield from _numbers(item)
    elif value is not None:
        yield abs(Decimal(str(value)))


def _first(rows: Iterable[Any]) -> set[str]:
    return {row[0] for row in rows}


WAYS: dict[str, Callable[[str, str], Any]] = {"muster": Ours, "duckdb": HandWritten, "chdb": ClickHouse}


def serve(pipe: Any, way: str, files: str, people: str) -> None:
    """One way in a process of its own: its memory is its own too."""
    made = WAYS[way](files, people)
    while (asked := pipe.recv()) is not None:
        kind, place = asked
        start, busy = time.perf_counter(), time.process_time()
        answer = getattr(made, kind)(questions.QUESTIONS[place])
        taken = time.perf_counter() - start, time.process_time() - busy
        pipe.send((answer, *taken, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024))


def main(arguments: list[str]) -> None:
    millions, thousands, repetitions = _sizes(arguments)
    directory = Path(os.environ.get("HISTORY_BENCH", Path(tempfile.gettempdir()) / "muster-history"))
    files, people = make(directory, millions * 1_000_000, thousands * 1_000)
    context = get_context("spawn")
    pipes = {}
    for way in WAYS:
        here, there = context.Pipe()
        context.Process(target=serve, args=(there, way, files, people), daemon=True).start()
        pipes[way] = here
    size = subprocess.run(["du", "-sm", str(directory)], capture_output=True, text=True, check=True).stdout.split()[0]
    print(f"{millions} M events of {thousands} k users, {size} MB of files, {repetitions} repetitions, seconds\n")
    head = f"{'':<28}" + "".join(f"{way + ' min':>12}{'median':>8}" for way in WAYS)
    print(f"{head}{'x chdb':>8}{'x duckdb':>9}{'x chdb, CPU':>13}")
    for kind in ("preview", "scan"):
        for place, question in enumerate(questions.QUESTIONS):
            _measure(kind, place, question, pipes, repetitions)
    print("\npeak memory, MB: " + ", ".join(f"{way} {_peak(pipes[way])}" for way in WAYS))
    for kind in ("members", "contents"):
        for place, question in enumerate(questions.QUESTIONS):
            _compare(kind, place, question, pipes)
    print("all ways find the same members, and the same contents of the streams of one in sixteen")
    for pipe in pipes.values():
        pipe.send(None)


_peaks: dict[int, int] = {}


def _peak(pipe: Any) -> int:
    return _peaks[id(pipe)]


def _sizes(arguments: list[str]) -> list[int]:
    given = [int(argument) for argument in arguments]
    return [*given, *[5, 200, 5][len(given) :]]


def _measure(kind: str, place: int, question: questions.Question, pipes: dict[str, Any], repetitions: int) -> None:
    taken: dict[str, list[float]] = {way: [] for way in pipes}
    busy: dict[str, list[float]] = {way: [] for way in pipes}
    for _ in range(repetitions):
        answers = {}
        for way, pipe in pipes.items():
            pipe.send((kind, place))
            answers[way], seconds, cpu, _peaks[id(pipe)] = pipe.recv()
            taken[way].append(seconds)
            busy[way].append(cpu)
        assert len(set(answers.values())) == 1, (kind, question.name, answers)
    shown = "".join(f"{min(times):>12.3f}{median(times):>8.3f}" for times in taken.values())
    ratios = [min(taken[way]) / min(taken["muster"]) for way in ("chdb", "duckdb")]
    cpu = min(busy["chdb"]) / min(busy["muster"])
    print(f"{kind + ' ' + question.name:<28}{shown}{ratios[0]:>8.2f}{ratios[1]:>9.2f}{cpu:>13.2f}", flush=True)


def _compare(kind: str, place: int, question: questions.Question, pipes: dict[str, Any]) -> None:
    """One way after the other, so that the answers of two are in memory at once."""
    wanted = None
    for way, pipe in pipes.items():
        pipe.send((kind, place))
        answer = pipe.recv()[0]
        assert answer
        assert wanted in (None, answer), (kind, question.name, way)
        wanted = answer


if __name__ == "__main__":
    main(sys.argv[1:])
