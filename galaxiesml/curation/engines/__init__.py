"""Engines that run the models: DuckDB here; Sail and Spark, which both speak Spark Connect, here or elsewhere.

What engines write differently stands in dispatched macros under sql/macros; everything else about them stands here:
what an engine needs (:mod:`.choice`), how it starts and ends (:mod:`.servers`), how dbt reaches it (:mod:`.adapter`),
how it sees what is landed (:mod:`.sources`), and how its parts become the build's files (:mod:`.adopt`).  Readers of a
build do not know which engine made it.
"""
