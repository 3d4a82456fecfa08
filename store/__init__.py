"""The memory: the only place with SQL. Domain values in, domain values out; tables never leave it."""

from store.database import Store, open_store

__all__ = ["Store", "open_store"]
