"""The record of a run: one folder that says what was done, on what, and what came of it.

``results/<run-id>/`` holds ``run.json`` (:class:`RunRecord`), the topology, the columns as Parquet parts, the log and
the report. It needs no server: it can be queried where it lies, zipped and mailed.
"""
