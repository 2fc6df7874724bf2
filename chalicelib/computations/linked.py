"""Linked audiences: kept as their owners define them, and never computed."""

NO_DATA_GRAPH = "NO_DATA_GRAPH"
REASON = "Linked audiences are computed over a data graph, which this installation does not have."
