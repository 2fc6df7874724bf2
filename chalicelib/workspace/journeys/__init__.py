"""Journeys as their owners draw, publish and stop them."""
