"""Journeys: people move through the steps of a graph as they meet conditions and time passes."""
