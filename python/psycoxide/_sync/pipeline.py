# Generated from ../_async/pipeline.py by tools/unasync.py: edit that, then `make twins`.
"""Pipelines, entered, synchronised and left."""

from __future__ import annotations

from .._base.pipeline import BasePipeline


class Pipeline(BasePipeline):
    """Queries that are sent without waiting for their results.

    See "Pipeline mode support" of the psycopg manual.
    """

    __module__ = "psycoxide"
