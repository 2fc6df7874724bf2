"""Everything that `chalice package` needs and cannot know: its configuration, the policies and the merge template.

python -m infra.build             print the template that is merged into Chalice's
python -m infra.build --write     write `.chalice/` anew
python -m infra.build --check     fail if `.chalice/` is not what --write would write
python -m infra.build --package DIRECTORY
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from .functions import FUNCTIONS, Json, config, logical_id, policy, policy_file
from .gateway_responses import gateway_responses
from .resources import environment, template

ROOT = Path(__file__).parent.parent


class PackagingFailed(Exception):
    """There is no package, or one that would not run."""


def merge_template() -> Json:
    """What is laid over Chalice's template, key by key: a value that is an intrinsic here must be text there."""
    whole = template()
    functions = {logical_id(name): _function(name) for name in FUNCTIONS}
    return {**whole, "Resources": {**whole["Resources"], **functions, **_gateway()}}


def chalice_files() -> dict[str, str]:
    """The files of `.chalice/` by name."""
    files = {"config.json": config(), **{policy_file(name): policy(name) for name in FUNCTIONS}}
    return {name: _text(content) for name, content in files.items()}


def stale(directory: Path) -> list[str]:
    """The files of `.chalice/` that are missing or different."""
    return [
        name
        for name, text in chalice_files().items()
        if not (directory / name).is_file() or (directory / name).read_text() != text
    ]


def write(directory: Path) -> None:
    for name, text in chalice_files().items():
        (directory / name).write_text(text)


def package(target: Path, project: Path = ROOT) -> Path:
    """Packages the project for deployment; the path of the template. Raises PackagingFailed.

    An earlier package is removed.
    """
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    merge = target / "merge.json"
    merge.write_text(_text(merge_template()))
    done = subprocess.run(_command(project, merge, target), check=False, env=_environ(), cwd=project)
    if done.returncode:
        raise PackagingFailed(f"chalice package ended with code {done.returncode}")
    merge.unlink()
    if absent := missing(target / "layer-deployment.zip", project / "requirements.txt"):
        raise PackagingFailed(f"no fitting wheel for {', '.join(absent)}")
    return target / "sam.json"


def missing(layer: Path, requirements: Path) -> list[str]:
    """Requirements that are not in the layer: Chalice only warns of a package without a fitting wheel."""
    with zipfile.ZipFile(layer) as archive:
        present = {_distribution(name) for name in archive.namelist()}
    lines = (line.partition("#")[0].strip() for line in requirements.read_text().splitlines())
    return [line for line in lines if line and _normal(re.split(r"[=<>!~;\[ ]", line)[0]) not in present]


def _distribution(name: str) -> str | None:
    found = re.search(r"([^/]+)-[^-/]+\.dist-info/", name)
    return _normal(found[1]) if found else None


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _function(name: str) -> Json:
    function = FUNCTIONS[name]
    properties: Json = {"Environment": {"Variables": environment()}, **(function.extra or {})}
    if function.event:
        properties["Events"] = {function.event: {"Properties": function.source}}
    return {"Properties": properties}


def _gateway() -> Json:
    return {
        "RestAPI": {"Properties": {"DefinitionBody": {"x-amazon-apigateway-gateway-responses": gateway_responses()}}},
        # Chalice renames the function but not in the name of its log group, which then refers to nothing.
        "ApiHandlerLogGroup": {"Properties": {"LogGroupName": {"Fn::Sub": "/aws/lambda/${APIHandler}"}}},
    }


def _command(project: Path, merge: Path, target: Path) -> list[str]:
    chalice = [sys.executable, str(ROOT / "infra" / "chalice_cli.py")]
    options = ["--stage", "prod", "--merge-template", str(merge), str(target)]
    return [*chalice, "--project-dir", str(project), "package", *options]


def _environ() -> dict[str, str]:
    # Chalice wants a region to look up endpoint names; the template itself is good for every region.
    return {"AWS_DEFAULT_REGION": "us-east-1", **os.environ}


def _text(content: Json) -> str:
    return json.dumps(content, indent=2) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.build")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--write", action="store_true")
    choice.add_argument("--check", action="store_true")
    choice.add_argument("--package", type=Path, metavar="DIRECTORY")
    asked = parser.parse_args()
    if asked.write:
        write(ROOT / ".chalice")
    elif asked.check:
        return _report(stale(ROOT / ".chalice"))
    elif asked.package:
        return _report(stale(ROOT / ".chalice")) or _package(asked.package.resolve())
    else:
        print(_text(merge_template()))
    return 0


def _report(names: list[str]) -> int:
    for name in names:
        print(f".chalice/{name} is stale: run `python -m infra.build --write`", file=sys.stderr)
    return 1 if names else 0


def _package(target: Path) -> int:
    try:
        made = package(target)
    except PackagingFailed as error:
        print(error, file=sys.stderr)
        return 1
    print(f"packaged: aws cloudformation package --template-file {made} --s3-bucket <bucket> and deploy the result")
    return 0


if __name__ == "__main__":
    sys.exit(main())
