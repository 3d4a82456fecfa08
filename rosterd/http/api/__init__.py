"""The REST API, /api/v1: what operators and their programs read and ask for.

Nothing is decided here: a route checks who asks, calls what the commands call too, and puts the answer into JSON.
FastAPI is imported by `serve` only.
"""
