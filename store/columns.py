"""What columns of several tables have in common."""

from sqlalchemy import String

Id = String().with_variant(String(collation="C"), "postgresql")
