"""Which adapter stands behind each port."""

from dataclasses import dataclass

from .clock import Clock, SystemClock
from .delivery.transport import Transport, UrllibTransport
from .ids import Ids, RandomIds
from .notifications.kinds import Topics
from .pipeline.fanout import Fanout, Threads
from .profiles.ports import Archive, Identifiers, Profiles, Timeline
from .queues import Queues
from .records import Records
from .secrecy import Secrets
from .settings import Settings
from .store.clients import Clients
from .store.dynamodb import DynamoIdentifiers, DynamoProfiles, DynamoRecords, DynamoTimeline
from .store.kms import KmsSecrets
from .store.s3 import S3Archive
from .store.sns import SnsTopics
from .store.sqs import SqsQueues

# Calls to AWS under way at once in one worker: each mostly waits, and the client pool of botocore holds ten.
CONCURRENT_CALLS = 8


@dataclass(frozen=True)
class Adapters:
    """Everything that touches the world."""

    clock: Clock
    ids: Ids
    profiles: Profiles
    identifiers: Identifiers
    timeline: Timeline
    archive: Archive
    workspace: Records
    work: Records
    queues: Queues
    secrets: Secrets
    transport: Transport
    topics: Topics
    fanout: Fanout


def on_aws(settings: Settings, clock: Clock | None = None, clients: Clients | None = None) -> Adapters:
    """The adapters for AWS, or for an emulator that `settings.endpoint_url` names."""
    clock = clock or SystemClock()
    clients = clients or Clients(settings.region, settings.endpoint_url)
    dynamodb = clients.dynamodb
    return Adapters(
        clock=clock,
        ids=RandomIds(clock),
        profiles=DynamoProfiles(dynamodb, settings.profiles_table, settings.work_table),
        identifiers=DynamoIdentifiers(dynamodb, settings.identifiers_table),
        timeline=DynamoTimeline(dynamodb, settings.timeline_table, clock),
        archive=S3Archive(clients.s3, settings.archive_bucket),
        workspace=DynamoRecords(dynamodb, settings.workspace_table, clock),
        work=DynamoRecords(dynamodb, settings.work_table, clock),
        queues=SqsQueues(clients.sqs, settings),
        secrets=KmsSecrets(clients.kms, settings.key_id),
        transport=UrllibTransport(allow_private=settings.allow_private_addresses),
        topics=SnsTopics(lambda: clients.client("sns")),
        fanout=Threads(CONCURRENT_CALLS),
    )
