"""Measurements of speed and size, each run as `python -m benchmarks.NAME` from the checkout."""
