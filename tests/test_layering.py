"""Imports point one way, and each outside library has one place."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "chalicelib"

# From the bottom up: a unit may import units on lower lines, and on its own line only itself.
RANKS = [
    {"errors", "clock", "instants", "records", "queues", "secrecy", "settings"},
    {"ids", "deadline"},
    {"query", "tracking"},
    {"filters", "identity", "journeys"},
    {"computations"},
    {"profiles"},
    {"workspace"},
    {"tasks"},
    {"destinations"},
    {"delivery", "pipeline"},
    {"archive"},
    {"backfill", "batch", "exports", "previews", "replay"},
    {"audit"},
    {"notifications"},
    {"alerts", "overview"},
    {"errands", "operations"},
    {"store"},
    {"adapters"},
    {"application"},
    {"bootstrap"},
    {"api", "workers"},
]
RANK = {unit: rank for rank, units in enumerate(RANKS) for unit in units}

HOMES = {
    "boto3": {"store"},
    "botocore": {"store"},
    "pynamodb": {"store"},
    "duckdb": {"archive"},
    "chalice": {"api"},
    "lark": {"query"},
    "urllib3": {"delivery"},
}
DOMAIN_MAY_IMPORT = {"msgspec", "lark"}
STANDARD = __import__("sys").stdlib_module_names
DOMAIN = {
    "query",
    "tracking",
    "filters",
    "identity",
    "journeys",
    "computations",
    "profiles",
    "workspace",
    "tasks",
    "destinations",
}

MODULES = sorted(PACKAGE.rglob("*.py"))


def unit_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[list[str]]:
    """Every imported module as its absolute name, split."""
    package = list(path.relative_to(ROOT).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name.split(".")
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = base + (node.module.split(".") if node.module else [])
            for alias in node.names:
                yield [*module, alias.name]


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_down(path):
    unit = unit_of(path)
    if unit == "__init__":
        return
    for name in imports(path):
        if name[0] != "chalicelib" or len(name) < 2:
            continue
        other = name[1]
        assert other in RANK, f"{other} has no rank"
        assert other == unit or RANK[other] < RANK[unit], f"{unit} imports {other}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_outside_libraries_stay_in_their_homes(path):
    unit = unit_of(path)
    for name in imports(path):
        assert unit in HOMES.get(name[0], {unit}), f"{unit} imports {name[0]}"
        if unit in DOMAIN:
            assert name[0] in STANDARD | DOMAIN_MAY_IMPORT | {"chalicelib"}, f"{unit} imports {name[0]}"


def test_the_ranks_name_what_there_is():
    units = {unit_of(p) for p in MODULES} - {"__init__"}
    assert units == RANK.keys()


def test_entry_points_stay_thin():
    lines = (ROOT / "app.py").read_text().splitlines()
    assert len(lines) < 150
