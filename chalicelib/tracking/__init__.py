"""The tracking API's language: what arrives from SDKs and what it means as events."""
