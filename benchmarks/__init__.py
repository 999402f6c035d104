"""Measurements beside other programs on the same machine: `python -m benchmarks [NAME…]`."""
