"""External ids: which fields of an event name a person, and which profile they lead to."""
