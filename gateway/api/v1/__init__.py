"""The house's own REST API. Everything is said in the house's own words (docs/api.md)."""
