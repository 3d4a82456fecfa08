"""What an error says."""

from reconciler.errors import ChangeRefused, DirectoryError
from reconciler.resources import Taken


def test_an_error_names_the_thing_the_place_and_the_way_out() -> None:
    error = DirectoryError("the directory did not answer", where="GET /users", fix="try later")
    assert str(error) == "the directory did not answer (GET /users)"
    assert str(DirectoryError("the directory did not answer")) == "the directory did not answer"
    assert error.as_dict() == {
        "code": "directory_error", "message": "the directory did not answer", "where": "GET /users", "fix": "try later",
    }  # fmt: skip
    refused = ChangeRefused("email_taken", "it is somebody else's", where="member edit", fix="ask them")
    assert refused.as_dict() == {
        "code": "email_taken", "message": "it is somebody else's", "where": "member edit", "fix": "ask them",
    }  # fmt: skip


def test_a_value_that_is_taken_names_the_attribute_and_who_has_it() -> None:
    taken = Taken("userName", "2819c223")
    assert (str(taken), taken.attribute, taken.holder) == ("userName is taken by 2819c223", "userName", "2819c223")
