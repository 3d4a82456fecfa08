"""The filter grammar, apart from any vendor."""

import pytest

from rosterd.simulators.filters import Dialect, parse

OKTA = Dialect(
    '"',
    {
        "status": frozenset({"eq"}),
        "lastUpdated": frozenset({"gt", "le", "eq"}),
        "profile.": frozenset({"eq", "sw", "co", "pr"}),
    },
    times=frozenset({"lastUpdated"}),
)
ODATA = Dialect(
    "'", {"name": frozenset({"eq", "in", "sw"}), "on": frozenset({"eq"})}, words=frozenset({"true"}), fold=True
)
ADA = {
    "status": "ACTIVE",
    "lastUpdated": "2026-01-05T09:00:01.000Z",
    "profile.login": "ada@x.com",
    "name": "Ada's",
    "on": True,
}


@pytest.mark.parametrize(
    ("text", "dialect", "matches"),
    [
        ('status eq "ACTIVE"', OKTA, True),
        ('status EQ "active"', OKTA, False),
        ('status eq "STAGED" or status eq "ACTIVE"', OKTA, True),
        ('status eq "ACTIVE" and profile.login sw "bob"', OKTA, False),
        ('status eq "STAGED" and status eq "STAGED" or profile.login co "@x"', OKTA, True),
        ('status eq "STAGED" and (status eq "STAGED" or profile.login co "@x")', OKTA, False),
        ("profile.login pr and not_there pr", OKTA, None),
        ("profile.shoe pr", OKTA, False),
        ('profile.login eq "\\"ada\\""', OKTA, False),
        ('lastUpdated gt "2026-01-05T09:00:00.000Z"', OKTA, True),
        ('lastUpdated le "2026-01-05T10:00:00+01:00"', OKTA, False),
        ("name eq 'ada''s'", ODATA, True),
        ("name in ('bob','ADA''S')", ODATA, True),
        ("startswith(name,'ad') and on eq true", ODATA, True),
        ("on eq false", ODATA, None),
        ('name eq "Ada"', ODATA, None),
        ("name ne 'Ada'", ODATA, None),
        ("name eq 'Ada", ODATA, None),
        ("name eq 'Ada' 'Bob'", ODATA, None),
        ("(name eq 'Ada'", ODATA, None),
        ("", ODATA, None),
        ("status eq", OKTA, None),
        ('lastUpdated gt "yesterday"', OKTA, None),
    ],
)
def test_expressions(text: str, dialect: Dialect, matches: bool | None) -> None:
    if matches is None:
        with pytest.raises(ValueError, match=r"."):
            parse(text, dialect)
    else:
        assert parse(text, dialect)(ADA.get) is matches
