"""Muster: a serverless customer-data platform."""
