"""The JSON Schema of the whole file, for editors: every kind of directory as one branch of `oneOf`."""

from datetime import timedelta
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from rosterd.settings.kinds import settings_model
from rosterd.settings.model import KINDS
from rosterd.settings.values import Flap, Limit, duration_text


class _AsWritten(GenerateJsonSchema):
    """Defaults as a configuration file spells them, not as pydantic serialises them."""

    def encode_default(self, dft: Any) -> Any:
        """Durations as text, limits without their empty keys or as `false`."""
        if isinstance(dft, timedelta):
            return duration_text(dft)
        if isinstance(dft, Limit):
            return False if dft.off else dft.model_dump(exclude_none=True)
        if isinstance(dft, Flap):
            return dft.model_dump()
        return super().encode_default(dft)


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) that `rosterd config schema` prints."""
    found = settings_model(frozenset(KINDS)).model_json_schema(schema_generator=_AsWritten)
    return {"$schema": GenerateJsonSchema.schema_dialect, **found, "title": "rosterd configuration"}
