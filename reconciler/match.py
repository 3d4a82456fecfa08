"""Which directory user is which member.

By the vendor's immutable id first, then by the configured key (address or user name). What cannot be decided without
a person is a conflict: named, with both sides, and nothing is done.
"""

from reconciler.model import DirectoryUser, Evidence, Frozen, Member
from reconciler.policy import Policy, address


class Refused(Frozen, frozen=True):
    """An action that a person does not want: its digest, "rejected" or "undone", and the run in which they said so."""

    digest: str
    code: str
    run: str


class Subject(Frozen, frozen=True, gc=False):
    """All that deciding about one external id needs.

    `user` is the directory's last word (None: the mirror never saw this id); `groups` its direct group ids; `member`
    the member linked to it; `other` a different member who holds the same key, with what the mirror says about that
    member's own directory user: `other_left` (known to be gone) or `other_renamed` (has another key now);
    `rivals` are other active people of this directory with the same key; `scoped` is what was last known of whether
    the person is in scope; `refused` are actions that are not to be made as they are.
    """

    external_id: str
    user: DirectoryUser | None = None
    evidence: Evidence | None = None
    groups: tuple[str, ...] = ()
    member: Member | None = None
    other: Member | None = None
    other_left: bool = False
    other_renamed: bool = False
    rivals: tuple[str, ...] = ()
    scoped: bool | None = None
    refused: tuple[Refused, ...] = ()


class Conflict(Frozen, frozen=True):
    """Why nothing can be decided; `code` is stable, `sentence` names both sides."""

    code: str
    sentence: str


class Match(Frozen, frozen=True, gc=False):
    """`member` is who the person is (None: nobody yet). `adopts`: the link has to be made first. `parks`: id of a
    member whose address is being freed by this same plan."""

    member: Member | None = None
    adopts: bool = False
    parks: str = ""


def match(policy: Policy, subject: Subject) -> Match | Conflict:
    """Finds the member for an active, in-scope directory user (`subject.user` is set)."""
    user, other = subject.user, subject.other
    assert user is not None  # noqa: S101 - the caller's contract, for the type checker
    who = address(user)
    if not who:
        return Conflict("no_email", f"directory user {subject.external_id} has no email address")
    if subject.rivals:
        listed = ", ".join(subject.rivals)
        return Conflict("email_conflict", f"{who} belongs to several directory users: {subject.external_id}, {listed}")
    if other is None:
        return Match(member=subject.member)
    ours = other.managed and other.directory == policy.directory
    if ours and subject.other_renamed:
        return Match(member=subject.member, parks=other.id)
    if subject.member is None and (not other.managed or (ours and subject.other_left)):
        return Match(member=other, adopts=True)
    return _taken(who, subject, other)


def _taken(who: str, subject: Subject, other: Member) -> Conflict:
    owner = f"{other.directory}/{other.external_id}" if other.managed else "a member added by hand"
    return Conflict("linked_elsewhere", f"{who} of directory user {subject.external_id} already belongs to {owner}")
