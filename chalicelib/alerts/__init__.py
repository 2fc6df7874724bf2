"""Alerts: what owners want to hear of when figures move."""
