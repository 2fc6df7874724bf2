"""Adapters of the ports: in memory, and on DynamoDB, SQS, S3 and KMS."""
