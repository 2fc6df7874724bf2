"""Profiles: the state kept of one person or account, and how events change it."""
