"""Curation in SQL: dbt in this process, the plan of a build, the audit of every cut, column lineage."""
