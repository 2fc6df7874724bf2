"""What belongs to the local stack alone does not exist in the deployed app."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_no_route_of_the_app_is_a_control_route() -> None:
    from app import app

    assert app.routes
    assert [path for path in app.routes if path.startswith("/_local") or path == "/{proxy+}"] == []


def test_nothing_that_ships_knows_the_local_stack() -> None:
    shipped = [ROOT / "app.py", *(ROOT / "chalicelib").rglob("*.py")]
    imported = {name for path in shipped for node in ast.walk(ast.parse(path.read_text())) for name in _imported(node)}
    assert "chalicelib" in imported
    assert "infra" not in imported
    assert not [path for path in shipped if "_local/" in path.read_text()]


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name.partition(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level:
        return [(node.module or "").partition(".")[0]]
    return []
