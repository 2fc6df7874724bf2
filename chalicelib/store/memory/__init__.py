"""Every port in memory: for tests, and for whoever wants to run the domain without AWS.

What goes in is encoded as for DynamoDB, so nothing is shared by reference and nothing survives here that would
not survive there.
"""

from .archive import MemoryArchive
from .identifiers import MemoryIdentifiers
from .profiles import MemoryProfiles
from .queues import Hidden, MemoryQueues
from .records import MemoryRecords
from .reports import MemoryCompletions, MemoryFailures
from .secrets import MemorySecrets
from .timeline import MemoryTimeline
from .topics import MemoryTopics

__all__ = [
    "Hidden",
    "MemoryArchive",
    "MemoryCompletions",
    "MemoryFailures",
    "MemoryIdentifiers",
    "MemoryProfiles",
    "MemoryQueues",
    "MemoryRecords",
    "MemorySecrets",
    "MemoryTimeline",
    "MemoryTopics",
]
