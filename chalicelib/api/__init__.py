"""HTTP: routes and their translation between requests and services."""
