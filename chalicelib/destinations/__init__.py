"""The partners Muster can send to, one module each."""
