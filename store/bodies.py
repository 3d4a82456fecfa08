"""A person as the mirror keeps them: as JSON. Two that are equal have the same text."""

import msgspec

from reconciler.model import DirectoryUser

_encode = msgspec.json.Encoder(order="deterministic").encode
_LAST = len(b',""]')  # the end of somebody without a time: the last field, which has a column of its own


def body_of(user: DirectoryUser) -> str:
    """All fields but `off_since`: a time is nothing that changes somebody, and bodies of before it stay the same."""
    same = msgspec.structs.replace(user, off_since="") if user.off_since else user
    return f"{_encode(same)[:-_LAST].decode()}]"
