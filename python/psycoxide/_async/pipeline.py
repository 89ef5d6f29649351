"""Pipelines, entered, synchronised and left."""

from __future__ import annotations

from .._base.pipeline import BasePipeline


class AsyncPipeline(BasePipeline):
    """Queries that are sent without waiting for their results.

    See "Pipeline mode support" of the psycopg manual.
    """

    __module__ = "psycoxide"
