"""The policy as a value."""

from reconciler.policy import Limit, Scope
from tests.builders import policy


def test_the_policy_s_digest_changes_with_what_can_alter_a_plan() -> None:
    digests = {policy().digest, policy(match="user_name").digest, policy(nested=False).digest, policy(teams=()).digest}
    digests |= {policy(scope=Scope(guests=True)).digest, policy(protected=frozenset({"a@b.c"})).digest}
    assert len(digests) == 6
    assert policy(limits={"deactivate": Limit(count=1)}).digest == policy().digest
