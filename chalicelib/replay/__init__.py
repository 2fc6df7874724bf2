"""Events that come in by other ways than requests: files of an owner's past, and the archive's own past once more."""
