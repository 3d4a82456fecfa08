"""Taking away all that is kept of a told directory; what requests needed is in test_tokens.py."""

from store import Store
from store.database import scalar
from store.scim.gauges import Hearsay, forget, heard, note_request
from store.tokens import Token, keep_token, tokens_of
from tests.builders import policy
from tests.store.scim.endpoints import NOW, person, request, team


def test_forgetting_a_directory_leaves_the_others_as_they_were(store: Store) -> None:
    for directory in ("okta", "entra"):
        with request(store, policy(directory=directory)) as told:
            told.insert(person("ada", emails=[{"value": "a@x"}]))
            told.insert(team("eng"))
            told.add_members("eng", ["ada"])
        with store.write() as connection:
            keep_token(connection, Token(directory, directory, "", NOW))
            note_request(connection, directory, NOW, {"op-case": 1})
    with store.write() as connection:
        forget(connection, "okta")
        assert heard(connection, "okta") == Hearsay(None, 0, 0)
        assert tokens_of(connection, "okta") == []
        assert len(tokens_of(connection, "entra")) == 1
        for table, left in (("scim_resource", 2), ("scim_email", 1), ("scim_member", 1), ("scim_state", 1)):
            assert scalar(connection, f"SELECT count(*) FROM {table}") == left  # noqa: S608
