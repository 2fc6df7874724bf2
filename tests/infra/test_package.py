"""The package as it would be deployed. It is made once, from a copy of the project."""

import json
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from chalicelib.archive.history import ROOM
from chalicelib.settings import Settings, from_environment
from infra import build
from infra.chalice_cli import RUNTIME
from infra.functions import FUNCTIONS, logical_id
from infra.resources import template as resource_template

Json = dict[str, Any]

MEGABYTE = 1_000_000


AARCH64 = 183  # as ELF calls it, in the two bytes after the first eighteen


class Package(NamedTuple):
    """`layer` are sizes by name, `machines` what its compiled modules are for."""

    template: Json
    code: list[str]
    layer: dict[str, int]
    machines: dict[str, int]
    compressed: int


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    project = tmp_path_factory.mktemp("project")
    for name in ("chalicelib", ".chalice"):
        shutil.copytree(build.ROOT / name, project / name, ignore=shutil.ignore_patterns("deployments", "__pycache__"))
    for name in ("app.py", "requirements.txt"):
        shutil.copy(build.ROOT / name, project)
    template = build.package(project / "dist", project)
    with zipfile.ZipFile(project / "dist" / "deployment.zip") as code:
        files = code.namelist()
    layer = project / "dist" / "layer-deployment.zip"
    with zipfile.ZipFile(layer) as packages:
        sizes = {entry.filename: entry.file_size for entry in packages.infolist()}
        machines = {name: _machine(packages, name) for name in sizes if name.endswith(".so")}
    return Package(json.loads(template.read_text()), files, sizes, machines, layer.stat().st_size)


def _machine(packages: zipfile.ZipFile, name: str) -> int:
    with packages.open(name) as module:
        return int.from_bytes(module.read(20)[18:], "little")


@pytest.fixture
def resources(package: Package) -> dict[str, Json]:
    found: dict[str, Json] = package.template["Resources"]
    return found


@pytest.fixture
def functions(resources: dict[str, Json]) -> dict[str, Json]:
    return {
        name: found["Properties"] for name, found in resources.items() if found["Type"] == "AWS::Serverless::Function"
    }


def mappings(functions: dict[str, Json]) -> Iterator[tuple[Json, Json]]:
    """Functions with the properties of each queue or stream that feeds them."""
    for function in functions.values():
        for event in function.get("Events", {}).values():
            if event["Type"] in ("SQS", "DynamoDB"):
                yield function, event["Properties"]


def dicts(value: Any) -> Iterator[Json]:
    if isinstance(value, dict):
        yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        yield from dicts(one)


def intrinsics(found: Json) -> list[str]:
    return [key for key in found if key == "Ref" or key.startswith("Fn::")]


def test_functions_run_on_a_runtime_that_lambda_still_makes_and_that_the_compiled_modules_fit(
    functions: dict[str, Json], package: Package
) -> None:
    assert {function["Runtime"] for function in functions.values()} == {RUNTIME}
    compiled = [name for name in package.layer if name.endswith(".so")]
    assert any("msgspec" in name for name in compiled)
    version = RUNTIME.removeprefix("python").replace(".", "")
    assert [name for name in compiled if f"cpython-{version}-aarch64" not in name and ".abi3." not in name] == []


def test_the_template_holds_all_functions_and_resources(functions: dict[str, Json], resources: dict[str, Json]) -> None:
    assert functions.keys() == {logical_id(name) for name in FUNCTIONS}
    assert resource_template()["Resources"].keys() <= resources.keys()


def test_every_mapping_reports_partial_batches(functions: dict[str, Json]) -> None:
    found = list(mappings(functions))
    assert len(found) == 4
    assert all(source["FunctionResponseTypes"] == ["ReportBatchItemFailures"] for _, source in found)


def test_every_queue_hides_its_messages_long_enough(functions: dict[str, Json], resources: dict[str, Json]) -> None:
    queues = [(function, source) for function, source in mappings(functions) if "Queue" in source]
    assert len(queues) == 3
    for function, source in queues:
        queue = resources[source["Queue"]["Fn::GetAtt"][0]]["Properties"]
        assert queue["VisibilityTimeout"] >= 6 * function["Timeout"] + source["MaximumBatchingWindowInSeconds"]
        assert resources[queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]]["Type"] == "AWS::SQS::Queue"


def test_the_stream_loses_no_record_and_is_not_held_up_by_one(functions: dict[str, Json]) -> None:
    (stream,) = [source for _, source in mappings(functions) if "Stream" in source]
    assert stream["Stream"] == {"Fn::GetAtt": ["ProfilesTable", "StreamArn"]}
    assert stream["StartingPosition"] == "TRIM_HORIZON"
    assert stream["BisectBatchOnFunctionError"] is True
    assert stream["MaximumRetryAttempts"] > 0
    assert stream["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": ["EmitFailures", "Arn"]}


def test_no_value_has_two_intrinsics(package: Package) -> None:
    assert [found for found in dicts(package.template) if intrinsics(found) and len(found) > 1] == []


def test_no_placeholder_is_left(package: Package) -> None:
    assert "000000000000" not in json.dumps(package.template)


def test_everything_referred_to_exists(package: Package) -> None:
    known = {*package.template["Resources"], *package.template["Parameters"]}
    for found in dicts(package.template):
        assert referred(found) <= known, found
    conditions = {found["Fn::If"][0] for found in dicts(package.template) if "Fn::If" in found}
    assert conditions == package.template["Conditions"].keys()


def referred(found: Json) -> set[str]:
    """Logical ids that an intrinsic names."""
    names = {found["Ref"]} if "Ref" in found else set()
    if "Fn::GetAtt" in found:
        names = {found["Fn::GetAtt"][0]}
    if "Fn::Sub" in found:
        text, given = found["Fn::Sub"] if isinstance(found["Fn::Sub"], list) else (found["Fn::Sub"], {})
        names = {name.partition(".")[0] for name in re.findall(r"\$\{([^}]+)\}", text)} - given.keys()
    return {name for name in names if not name.startswith(("AWS::", "!"))}  # after "!" it is plain text


def test_every_function_runs_on_arm_in_its_time_and_finds_its_settings(functions: dict[str, Json]) -> None:
    for name, declared in FUNCTIONS.items():
        function = functions[logical_id(name)]
        assert function["Architectures"] == ["arm64"]
        assert (function["Timeout"], function["MemorySize"]) == (declared.timeout, declared.memory)
        variables = dict.fromkeys(function["Environment"]["Variables"], "1")
        assert isinstance(from_environment(variables), Settings)


def test_scans_have_the_disk_they_count_on(functions: dict[str, Json]) -> None:
    assert functions["Compute"]["EphemeralStorage"]["Size"] << 20 > 2 * ROOM


def test_every_function_has_a_role_of_its_own_without_wildcards(
    functions: dict[str, Json], resources: dict[str, Json]
) -> None:
    roles = {name: function["Role"]["Fn::GetAtt"][0] for name, function in functions.items()}
    assert len(set(roles.values())) == len(functions)
    for role in roles.values():
        (policy,) = resources[role]["Properties"]["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]:
            assert statement["Resource"] != "*"
            assert not [action for action in statement["Action"] if "*" in action]


def test_workers_may_only_consume_what_feeds_them(functions: dict[str, Json], resources: dict[str, Json]) -> None:
    for function, source in mappings(functions):
        (policy,) = resources[function["Role"]["Fn::GetAtt"][0]]["Properties"]["Policies"]
        consuming = [
            statement["Resource"]
            for statement in policy["PolicyDocument"]["Statement"]
            if {"sqs:ReceiveMessage", "dynamodb:GetRecords"} & set(statement["Action"])
        ]
        assert consuming == [source.get("Queue") or source["Stream"]]


def test_the_tick_comes_every_minute_and_is_not_repeated(functions: dict[str, Json]) -> None:
    (event,) = functions["Tick"]["Events"].values()
    assert (event["Type"], event["Properties"]["Schedule"]) == ("Schedule", "rate(1 minute)")
    assert functions["Tick"]["EventInvokeConfig"]["MaximumRetryAttempts"] == 0


def test_the_api_is_regional_and_inflates_requests(resources: dict[str, Json]) -> None:
    api = resources["RestAPI"]["Properties"]
    assert api["EndpointConfiguration"] == "REGIONAL"
    assert api["MinimumCompressionSize"] > 0
    assert "/v1/batch" in api["DefinitionBody"]["paths"]


def test_unknown_routes_are_404_in_json_that_browsers_may_read(resources: dict[str, Json]) -> None:
    responses = resources["RestAPI"]["Properties"]["DefinitionBody"]["x-amazon-apigateway-gateway-responses"]
    unknown = responses["MISSING_AUTHENTICATION_TOKEN"]
    body = json.loads(unknown["responseTemplates"]["application/json"])
    assert unknown["statusCode"] == 404
    assert (body["success"], body["error"]["code"], body["errors"][0]["type"]) == (False, "not_found", "not-found")
    for response in responses.values():
        assert "gatewayresponse.header.Access-Control-Allow-Origin" in response["responseParameters"]


def test_the_package_holds_the_whole_product_and_nothing_of_the_workshop(package: Package) -> None:
    ours = [
        path for path in (build.ROOT / "chalicelib").rglob("*") if path.is_file() and "__pycache__" not in path.parts
    ]
    assert {"app.py", *(str(path.relative_to(build.ROOT)) for path in ours)} <= set(package.code)
    roots = {name.partition("/")[0] for name in package.code}
    assert roots == {"app.py", "chalicelib", "chalice"}


def test_the_layer_holds_every_requirement_for_arm_within_the_limits(package: Package) -> None:
    for compiled in ("msgspec/_core", "_duckdb"):
        assert [name for name in package.machines if compiled in name]
    assert {name for name, machine in package.machines.items() if machine != AARCH64} == set()
    assert not [name for name in package.layer if "x86_64" in name]
    assert package.compressed < 50 * MEGABYTE
    assert sum(package.layer.values()) < 250 * MEGABYTE


def test_a_requirement_without_a_wheel_is_noticed(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "layer.zip", "w") as layer:
        layer.writestr("python/lib/python3.11/site-packages/aws_lambda_powertools-3.37.0.dist-info/METADATA", "")
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("# run time\naws-lambda-powertools==3.37.0\nduckdb==2.0.0  # scans\n\n")
    assert build.missing(tmp_path / "layer.zip", requirements) == ["duckdb==2.0.0"]


def test_a_project_that_cannot_be_packaged_is_told(tmp_path: Path) -> None:
    with pytest.raises(build.PackagingFailed):
        build.package(tmp_path / "dist", tmp_path)


def test_chalices_files_are_as_the_build_writes_them(tmp_path: Path) -> None:
    assert build.stale(build.ROOT / ".chalice") == []
    build.write(tmp_path)
    assert build.stale(tmp_path) == []
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "policy-tick.json").unlink()
    assert build.stale(tmp_path) == ["config.json", "policy-tick.json"]
