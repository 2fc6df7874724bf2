"""Definitions over history as SQL."""
