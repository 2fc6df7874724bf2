"""The bucket of the archive: who may reach it, and what of it passes."""

from typing import Any

Json = dict[str, Any]

# What owners ordered: files are fetched within a day, imports and replays are remembered as long as their tasks.
# What a run keeps between its steps it removes itself, unless it is killed for good.
PASSING = (("previews", 2), ("exports", 2), ("imports", 90), ("replays", 90), ("runs", 7))


def bucket() -> Json:
    return {
        "Type": "AWS::S3::Bucket",
        "Properties": {
            "BucketEncryption": _encryption(),
            "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
            "PublicAccessBlockConfiguration": dict.fromkeys(
                ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True
            ),
            "LifecycleConfiguration": {"Rules": _lifecycle()},
        },
    }


def only_tls() -> Json:
    """The policy that refuses whoever comes without TLS."""
    objects = {"Fn::Sub": "${ArchiveBucket.Arn}/*"}
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [{"Fn::GetAtt": ["ArchiveBucket", "Arn"]}, objects],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return {
        "Type": "AWS::S3::BucketPolicy",
        "Properties": {
            "Bucket": {"Ref": "ArchiveBucket"},
            "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        },
    }


def _encryption() -> Json:
    rule = {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    return {"ServerSideEncryptionConfiguration": [rule]}


def _lifecycle() -> list[Json]:
    # Files of days long past are read less and less, but they are the only record of the events: they get cheaper with
    # age, and only compaction removes any. Landing objects are gone by then.
    cheaper = {"StorageClass": "INTELLIGENT_TIERING", "TransitionInDays": 30}
    return [
        *(
            {"Id": table, "Status": "Enabled", "Prefix": f"{table}/parquet/", "Transitions": [cheaper]}
            for table in ("events", "profiles")
        ),
        # What was sent can be sent again for two weeks; it names people, so it is not kept any longer.
        {"Id": "emitted", "Status": "Enabled", "Prefix": "emitted/", "ExpirationInDays": 15},
        *(
            {"Id": prefix, "Status": "Enabled", "Prefix": f"{prefix}/", "ExpirationInDays": days}
            for prefix, days in PASSING
        ),
        {"Id": "unfinished", "Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}},
    ]
