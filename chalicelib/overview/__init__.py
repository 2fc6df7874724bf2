"""The overview of a computation: how it does, its runs and its destinations."""
