"""Audiences and computed traits: their definitions, keys and the catalogue of a space."""
