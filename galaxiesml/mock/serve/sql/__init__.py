"""Queries of others, run in a database that can reach nothing but its own tables."""
