"""The ports on DynamoDB: one module per table."""

from .changes import profile_changes
from .identifiers import DynamoIdentifiers
from .profiles import DynamoProfiles
from .records import DynamoRecords
from .timeline import DynamoTimeline

__all__ = ["DynamoIdentifiers", "DynamoProfiles", "DynamoRecords", "DynamoTimeline", "profile_changes"]
