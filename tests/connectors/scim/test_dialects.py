"""The table of identity providers: it changes defaults only."""

from typing import get_args

import pytest

from connectors.scim.dialects import DIALECTS, PAGE, dialect
from rosterd.settings.kinds import ScimConfig


def test_a_file_may_name_each_of_the_table_and_no_other() -> None:
    assert get_args(ScimConfig.model_fields["dialect"].annotation) == tuple(DIALECTS)


@pytest.mark.parametrize("name", DIALECTS)
def test_in_strict_mode_a_group_name_is_nobodys_own(name: str) -> None:
    assert not dialect(name, strict=True).unique_groups


@pytest.mark.parametrize("name", DIALECTS)
def test_no_default_page_is_smaller_than_the_interop_draft_asks(name: str) -> None:
    assert dialect(name, strict=False).page >= PAGE >= 100
