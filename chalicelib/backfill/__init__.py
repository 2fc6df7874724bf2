"""Taking in what owners define: history into the streams of profiles, new definitions into their values."""
