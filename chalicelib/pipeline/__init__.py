"""The steps between the ingest queue and the profile: resolve, landing and the minute tick."""
