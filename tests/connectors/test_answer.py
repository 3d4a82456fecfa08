"""What can be kept of a body, and the delays that headers ask for."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.answer import kept_json, kept_text, rate_limit_reset, retry_after

DATE = "Sat, 21 Nov 2026 10:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "120"}, 120.0),
        ({"retry-after": " 2.128 "}, 2.128),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "Sat, 21 Nov 2026 10:00:09 GMT", "date": DATE}, 9.0),
        ({"retry-after": "Sat, 21 Nov 2026 09:00:00 GMT", "date": DATE}, 0.0),
        ({"retry-after": "Sat, 21 Nov 2026 10:00:09 GMT"}, None),
        ({"retry-after": "soon", "date": DATE}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x-rate-limit-reset": "1795255260", "date": DATE}, 60.0),
        ({"x-rate-limit-reset": "1795255100", "date": DATE}, 0.0),
        ({"x-rate-limit-reset": "1795255260"}, None),
        ({"x-rate-limit-reset": "later", "date": DATE}, None),
        ({"date": DATE}, None),
    ],
)
def test_rate_limit_reset_is_read_by_the_vendors_clock(headers: dict[str, str], seconds: float | None) -> None:
    assert rate_limit_reset(headers) == seconds


# -- what can be kept ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (rb'["a\u0000b"]', ["ab"]),
        (rb'["\ud800", "\uDFFFx", "\udc00\ud800", "\ud800\ud83d\ude00"]', ["", "x", "", "😀"]),
        (rb'{"\u0000id": {"n\u0000": ["\u0000"]}}', {"id": {"n": [""]}}),
        (rb'["a\u001fb\u001E", "\u001d"]', ["ab", "\x1d"]),
        (rb'["\\u0000", "\\\u0000", "\\ud800"]', ["\\u0000", "\\", "\\ud800"]),  # an escaped backslash is no escape
        (rb'["\uD83D\uDE00", "\u003cb\u003e"]', ["😀", "<b>"]),
    ],
)
def test_a_body_is_freed_of_what_cannot_be_kept(body: bytes, kept: object) -> None:
    assert msgspec.json.decode(kept_json(body)) == kept


@pytest.mark.parametrize("body", [b"", b'["Ada"]', rb'["a\nb\u003c"]', b"\xff<html>"])
def test_a_clean_body_is_not_copied(body: bytes) -> None:
    assert kept_json(body) is body


TEXTS = st.text(st.characters(), max_size=20) | st.text(
    st.sampled_from("\0\x1f\ud800\udc00\ude00\\u01df8\"'"), max_size=20
)
VALUES = st.recursive(TEXTS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3))


def dropped(value: object) -> object:
    """As JSON says it: two escaped surrogates side by side are one character."""
    if isinstance(value, str):
        return kept_text(value.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass"))
    if isinstance(value, list):
        return [dropped(each) for each in value]
    assert isinstance(value, dict)
    return {dropped(key): dropped(each) for key, each in value.items()}


@given(VALUES, st.booleans())
def test_whatever_json_says_can_be_read_and_kept(value: object, ascii_only: bool) -> None:
    written = json.dumps(value, ensure_ascii=True) if ascii_only else escaped(json.dumps(value, ensure_ascii=False))
    read = msgspec.json.decode(kept_json(written.encode()))
    json.dumps(read, ensure_ascii=False).encode()
    assert "\\u0000" not in json.dumps(read).replace("\\\\", "")


def escaped(text: str) -> str:
    """Surrogates cannot be written as UTF-8, only escaped."""
    return "".join(f"\\u{ord(sign):04x}" if "\ud800" <= sign <= "\udfff" else sign for sign in text)


@given(VALUES)
def test_all_the_rest_is_kept(value: object) -> None:
    assert msgspec.json.decode(kept_json(json.dumps(value).encode())) == dropped(value)
