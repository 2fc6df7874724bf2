"""From a changed profile to an answer of a partner: emission, retries and transport."""
