"""The entry points: HTTP routes, the queue and stream workers and the minute tick. Everything else is below."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.utils import copy_config_to_registered_loggers
from chalice.app import Chalice, CloudWatchEvent, DynamoDBEvent, Rate, SQSEvent

from chalicelib import bootstrap, workers
from chalicelib.api import documents, founding, profile, sdk_settings, tracking
from chalicelib.api.management import blueprints
from chalicelib.deadline import LambdaDeadline

copy_config_to_registered_loggers(Logger(service="muster"), include={"chalicelib"})

app = Chalice(app_name="muster")
for routes in (tracking.routes, sdk_settings.routes, profile.routes, founding.routes, documents.routes, *blueprints):
    app.register_blueprint(routes)

# The merge template puts the real ones in their place: Chalice cannot refer to resources of the template.
PLACEHOLDER = "arn:aws:{service}:us-east-1:000000000000:{name}"


@app.on_sqs_message(queue_arn=PLACEHOLDER.format(service="sqs", name="ingest"), name="resolve")
def resolve(event: SQSEvent) -> Any:
    return workers.resolve(bootstrap.current(), event.to_dict(), LambdaDeadline(event.context))


@app.on_sqs_message(queue_arn=PLACEHOLDER.format(service="sqs", name="deliver"), name="deliver")
def deliver(event: SQSEvent) -> Any:
    return workers.deliver(bootstrap.current(), event.to_dict(), LambdaDeadline(event.context))


@app.on_sqs_message(queue_arn=PLACEHOLDER.format(service="sqs", name="compute"), name="compute", batch_size=1)
def compute(event: SQSEvent) -> Any:
    return workers.compute(bootstrap.current(), event.to_dict(), LambdaDeadline(event.context, margin=0))


@app.on_dynamodb_record(stream_arn=PLACEHOLDER.format(service="dynamodb", name="profiles"), name="emit")
def emit(event: DynamoDBEvent) -> Any:
    return workers.emit(bootstrap.current(), event.to_dict())


@app.schedule(Rate(1, unit=Rate.MINUTES), name="tick")
def tick(event: CloudWatchEvent) -> Any:
    return workers.tick(bootstrap.current(), LambdaDeadline(event.context))
