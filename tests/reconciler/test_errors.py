"""What an error says."""

from reconciler.errors import ChangeRefused, DirectoryError


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
