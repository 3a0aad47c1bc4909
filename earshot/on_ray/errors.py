"""What can go wrong on a cluster."""

from __future__ import annotations


class ClusterError(Exception):
    """A cluster cannot do the work; the message says why, and what to do."""
