"""Benchmarks: each prints figures, with ratios against a floor measured in the same run. Nothing here asserts time."""
