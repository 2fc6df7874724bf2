"""What a profile remembers of a stream, in the shape its formula needs."""
