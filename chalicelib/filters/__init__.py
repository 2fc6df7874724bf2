"""Conditions on events in Segment's filter query language, and what filters do to events that meet them."""
