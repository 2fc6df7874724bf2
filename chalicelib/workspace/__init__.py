"""What an owner sets up: spaces, sources, tokens, destinations and connections."""
