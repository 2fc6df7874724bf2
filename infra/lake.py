"""The archive as tables of Glue, so that Athena reads the same files as Muster's own scans.

Which files count is in a list per space and day that every compaction writes, and a table made of such lists sees a
compaction as a whole or not at all. Partitions are worked out, not stored: there is nothing to add when a day comes.
"""

from typing import Any

from chalicelib.archive.columns import EVENT, SNAPSHOT

Json = dict[str, Any]

TYPES = {"VARCHAR": "string", "BIGINT": "bigint", "BOOLEAN": "boolean", "VARCHAR[]": "array<string>"}
FIRST_DAY = "2026-01-01"  # nothing was archived before there was Muster

_HIVE = "org.apache.hadoop.hive.ql.io"

# Of lower case letters, digits and underscores, so that queries need not quote it. One made by CloudFormation has the
# hyphens of the stack's name. The stack's id ends in a UUID.
_UUID = {"Fn::Select": [2, {"Fn::Split": ["/", {"Ref": "AWS::StackId"}]}]}
DATABASE = {"Fn::Join": ["_", ["muster", {"Fn::Select": [0, {"Fn::Split": ["-", _UUID]}]}]]}


def resources() -> Json:
    """A query names its space, and should name days: `WHERE space = '…' AND dt >= '2026-03-01'`."""
    return {
        "ArchiveDatabase": {
            "Type": "AWS::Glue::Database",
            "Properties": {
                "CatalogId": {"Ref": "AWS::AccountId"},
                "DatabaseName": DATABASE,
                "DatabaseInput": {"Description": "Muster: what is compacted of the archive"},
            },
        },
        "EventsTable": _table("events", EVENT, "One row per event, days after it arrived"),
        "SnapshotsTable": _table("profiles", SNAPSHOT, "Every version of a profile that changed what it is"),
    }


def _table(name: str, columns: dict[str, str], description: str) -> Json:
    location = f"s3://${{ArchiveBucket}}/athena/{name}"
    return {
        "Type": "AWS::Glue::Table",
        "Properties": {
            "CatalogId": {"Ref": "AWS::AccountId"},
            "DatabaseName": {"Ref": "ArchiveDatabase"},
            "TableInput": {
                "Name": name,
                "Description": description,
                "TableType": "EXTERNAL_TABLE",
                "PartitionKeys": [{"Name": key, "Type": "string"} for key in ("space", "dt")],
                "Parameters": _partitions(location),
                "StorageDescriptor": {
                    "Columns": [{"Name": column, "Type": TYPES[kind]} for column, kind in columns.items()],
                    "Location": {"Fn::Sub": location},
                    "InputFormat": f"{_HIVE}.SymlinkTextInputFormat",
                    "OutputFormat": f"{_HIVE}.HiveIgnoreKeyTextOutputFormat",
                    "SerdeInfo": {"SerializationLibrary": f"{_HIVE}.parquet.serde.ParquetHiveSerDe"},
                },
            },
        },
    }


def _partitions(location: str) -> Json:
    return {
        "EXTERNAL": "TRUE",
        "projection.enabled": "true",
        "projection.space.type": "injected",
        "projection.dt.type": "date",
        "projection.dt.format": "yyyy-MM-dd",
        "projection.dt.range": f"{FIRST_DAY},NOW",
        # The two last are Athena's own variables, and none of CloudFormation's.
        "storage.location.template": {"Fn::Sub": f"{location}/space=${{!space}}/dt=${{!dt}}/"},
    }
