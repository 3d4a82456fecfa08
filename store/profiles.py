"""A member's profile as the columns of its row; the additional fields are one JSON object, NULL when none is set.

Which additional fields there are is said by configuration; what they hold is decided in reconciler/policy.py.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from reconciler.model import FIELDS, Profile, key

COLUMNS = (*FIELDS, "attributes", "email_key", "name_key")
_encode = msgspec.json.Encoder(order="sorted").encode
_decode = msgspec.json.Decoder(dict[str, str]).decode


def added(text: str | None) -> tuple[tuple[str, str], ...]:
    """The additional fields by name, sorted."""
    return tuple(_decode(text).items()) if text else ()


def profile_in(row: Mapping[str, Any]) -> Profile:
    """The profile of a row of `member`."""
    return Profile(*[*(row[name] for name in FIELDS), added(row["attributes"])])


def columns_of(profile: Profile) -> list[str | None]:
    """The values of `COLUMNS`."""
    texts = [getattr(profile, name) for name in FIELDS]
    attributes = _encode(dict(profile.attributes)).decode() if profile.attributes else None
    return [*texts, attributes, key(profile.email), key(profile.user_name or profile.email)]
