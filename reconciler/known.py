"""What is known of one person: the values that explaining needs, put together by the store from what it kept.

Shapes, and whether a name is theirs. What they mean is in why.py; where they come from in store/person.py.
"""

from reconciler.match import Subject
from reconciler.model import Frozen, Member, key
from reconciler.policy import GroupView, Policy, match_key
from reconciler.report import ActionRow, Complete


class RunOf(Frozen, frozen=True, omit_defaults=False):
    """A run as others name it; `began` and `ended` are RFC 3339 in UTC."""

    run: str
    directory: str
    began: str
    ended: str | None = None
    state: str = ""
    planned_only: bool = False


class Recorded(Frozen, frozen=True):
    """What a run recorded about the person. Of what a guard held: its sentence, the limit, and the cluster that can be
    approved. `times` counts runs in a row that recorded the same, back to the one that began at `since`."""

    run: RunOf
    action: ActionRow
    sentence: str = ""
    limit: str = ""
    cluster: str = ""
    times: int = 1
    since: str = ""


class Standing(Frozen, frozen=True):
    """A person in one directory: as it last described them, or had described them by the time of a run.

    `policy` is None when it was not kept; `ids` are the groups that it mentions, by what configuration calls them;
    `names` gives every group's name by id, `nested` are edges between groups (parent, child). `newest` is the run
    after which this is so, `recorded` what the newest run that made a plan recorded about the person. `stays` are the
    axes on which nobody else would be left.
    """

    directory: str
    subject: Subject
    policy: Policy | None = None
    view: GroupView = GroupView()
    ids: dict[str, str] = {}
    names: dict[str, str] = {}
    nested: tuple[tuple[str, str], ...] = ()
    newest: RunOf | None = None
    complete: Complete | None = None
    recorded: tuple[Recorded, ...] = ()
    stays: frozenset[str] = frozenset()
    changed: bool = False  # configuration is not what that run followed
    vague: bool = False  # history had not begun: this is the earliest that is known
    error: str = ""  # why the newest run could not read the directory


class Known(Frozen, frozen=True):
    """Everything known of one person in one workspace.

    `asked` is what they were asked for by. `member` is the member they are, or were after the run `at`; `uncertain`
    are fields of it that somebody changed by hand meanwhile, so that their values then are not known; with
    `unrecorded`, no run made the member, and what no run changed is as it is now. `history` is what runs recorded
    about them, the newest first.
    """

    asked: str
    workspace: str
    member: Member | None = None
    uncertain: tuple[str, ...] = ()
    unrecorded: bool = False
    standings: tuple[Standing, ...] = ()
    history: tuple[Recorded, ...] = ()
    at: RunOf | None = None

    @property
    def is_called(self) -> bool:
        """Whether what was asked for is a name of the person, and not one that they had at another time."""
        named = {each.subject.external_id for each in self.standings}
        return self.has_address or self.asked in named or key(self.asked) in self._names("user_name")

    @property
    def has_address(self) -> bool:
        """Whether it is their address."""
        return key(self.asked) in self._names("email")

    def _names(self, how: str) -> set[str]:
        names = {match_key(how, each.subject.user) for each in self.standings if each.subject.user is not None}
        return names if self.member is None else names | {key(getattr(self.member.profile, how))}
