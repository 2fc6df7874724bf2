"""The first workspace of a fresh deployment, with its space and tokens; again, it changes nothing.

python -m infra.bootstrap --stack NAME [--slug main] [--name Main] [--space Main] [--new-tokens]

The secrets are printed once: only hashes are kept. `--new-tokens` issues another pair for who lost them. Needs
credentials for the account; without --stack, the variables MUSTER_* must name the tables.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from chalicelib import bootstrap
from chalicelib.api.founding import FIRST_WORKSPACE, shown
from chalicelib.settings import MissingSettings, Settings, from_environment
from chalicelib.store.clients import Clients
from chalicelib.workspace.founding import found

from .resources import settings_of


def main(arguments: Sequence[str] = tuple(sys.argv[1:]), environ: Mapping[str, str] = os.environ) -> int:
    asked = _parser().parse_args(arguments)
    try:
        settings, clients = _deployment(asked.stack, environ)
    except MissingSettings as error:
        print(f"Name the stack by --stack, or {error}")
        return 1
    print(json.dumps(founded(bootstrap.on_aws(settings, clients=clients), asked), indent=2))
    return 0


def founded(adapters: bootstrap.Adapters, asked: argparse.Namespace) -> dict[str, Any]:
    """What is to be told of the workspace; secrets only of tokens that were made just now."""
    names = {"slug": asked.slug, "name": asked.name or asked.slug.capitalize(), "space_name": asked.space}
    a = adapters
    told = shown(found(a.workspace, a.ids, a.clock, **names))
    if asked.new_tokens and not told["isNew"]:
        more = {"api_token": a.ids.secret(), "profile_token": a.ids.secret()}
        made = found(a.workspace, a.ids, a.clock, **names, **more)
        told |= {"apiToken": made.api_token, "profileToken": made.profile_token}
    return told


def _deployment(stack: str | None, environ: Mapping[str, str]) -> tuple[Settings, Clients]:
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    if stack is None:
        settings = from_environment(environ)
        return settings, Clients(settings.region, settings.endpoint_url)
    clients = Clients(region, environ.get("MUSTER_ENDPOINT_URL") or None)
    return msgspec.structs.replace(settings_of(clients, stack), region=region), clients


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.bootstrap", description=__doc__.splitlines()[0])
    parser.add_argument("--stack", help="name of the CloudFormation stack")
    parser.add_argument("--slug", default=FIRST_WORKSPACE, help="of the workspace: what tells it from others")
    parser.add_argument("--name", help="of the workspace, as people see it")
    parser.add_argument("--space", default="Main", help="name of its space")
    parser.add_argument("--new-tokens", action="store_true", help="issue another pair for a workspace that exists")
    return parser


if __name__ == "__main__":
    sys.exit(main())
