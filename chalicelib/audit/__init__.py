"""The audit trail: who changed what, and what failed."""
