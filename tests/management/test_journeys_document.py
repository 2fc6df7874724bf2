"""What `docs/journeys.md` shows works."""

import json
import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
DOCUMENT = (DOCS / "journeys.md").read_text()


def test_its_journey_can_be_published(api):
    target = api.create_destination()["id"]
    (drawing,) = re.findall(r"```json\n(.*?)```", DOCUMENT, re.S)
    body = json.loads(drawing.replace("{destination}", target))
    made = api.post(f"{api.space}/journeys", body).data["journey"]
    published = api.post(f"{api.space}/journeys/{made['id']}/publish", {}).data["journey"]
    assert published["status"] in ("publishing", "live")
    assert [step["id"] for step in published["steps"]] == [step["id"] for step in body["steps"]]


def test_it_names_routes_that_there_are():
    paths = json.loads((DOCS / "openapi.json").read_text())["paths"]
    known = {_blank(path.partition("/journeys/{journey_id}")[2]) for path in paths}
    named = {_blank(route) for route in re.findall(r"`(?:GET |POST )?…(?:/journeys/\{id\})?(/[^`?]+)", DOCUMENT)}
    assert len(named) > 5
    assert named <= known


def _blank(route):
    return re.sub(r"\{[^}]*\}", "{}", route)
