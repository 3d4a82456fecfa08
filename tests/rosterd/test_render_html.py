"""The report as a page: well-formed, self-contained, accessible, streamed, and nothing in it is taken for markup."""

from collections.abc import Iterable
from html.parser import HTMLParser
from itertools import count, islice

from reconciler.health import Health
from reconciler.report import ActionRow, Cause, Complete, Report
from rosterd.render.html import report_html
from tests.rosterd.reports import counts, report, row

VOID = {"meta", "br", "link", "img", "input", "hr"}


class Page(HTMLParser):
    """Elements with their attributes and texts; refuses tags that do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == [], f"never closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def page(found: Report, rows: Iterable[ActionRow] = ()) -> tuple[str, Page]:
    text = "".join(report_html(found, rows))
    return text, Page(text)


FULL = report(
    counts=counts(seen=10, in_scope=10, create=1, held=2),
    state="held",
    causes=(Cause("absent", "deactivate", 2, held=True, sentence="2 deactivations"),),
    warnings=("no group Dezign",),
)


def test_the_page_has_landmarks_headings_and_table_headers() -> None:
    _, found = page(FULL, [row(), row("deactivate", evidence="status", state="held", code="held")])
    names = [name for name, _ in found.elements]
    assert found.of("html") == [{"lang": "en"}]
    assert [names.count(one) for one in ("header", "main", "footer", "h1", "title", "caption")] == [1] * 6
    assert all(attributes.get("scope") in ("col", "row") for attributes in found.of("th"))
    regions = [attributes["aria-labelledby"] for _, attributes in found.elements if "aria-labelledby" in attributes]
    ids = {attributes["id"] for _, attributes in found.elements if "id" in attributes}
    assert set(regions) <= ids
    for part in (
        "2 deactivations",
        "no group Dezign",
        "Loaded",
        "the account is suspended or disabled",
        "active →",
    ):
        assert part in found.text


def test_the_page_needs_nothing_from_elsewhere() -> None:
    text, found = page(FULL, [row()])
    assert not {"script", "link", "img", "iframe", "form"} & {name for name, _ in found.elements}
    assert not [a for _, a in found.elements if {"src", "href", "onclick", "style"} & set(a)]
    assert "url(" not in text
    assert "@import" not in text
    assert "@media print" in text
    assert "prefers-color-scheme: dark" in text


def test_names_from_the_directory_are_text() -> None:
    evil = "<script>alert(1)</script>"
    found = report(
        directory='"><b>', warnings=(evil,), counts=counts(update=1), causes=(Cause(evil, "update", 1, held=False),),
        complete=Complete(reasons=(evil,)),
    )  # fmt: skip
    rows = [row("update", email=evil, before={"title": evil}, after={"title": evil}, cause=evil, evidence=evil)]
    text, parsed = page(found, rows)
    assert "<script" not in text
    assert parsed.text.count("<script>alert(1)</script>") == 8


def test_a_run_without_actions_says_so_and_a_blocked_one_why() -> None:
    assert "Nothing had to be done." in page(report())[1].text
    error = {"code": "x", "message": "401 from Okta", "where": "GET /users", "fix": "make a new token"}
    text = page(report(state="blocked", error=error, digest="", phases={}, ended=None))[1].text
    assert "401 from Okta GET /users make a new token" in text


def test_actions_stream() -> None:
    endless = (row(seq=number) for number in count(1))
    pieces = list(islice(report_html(FULL, endless), 200))
    assert len(pieces) == 200
    assert next(endless).seq < 20_000


def test_the_health_of_the_directory_is_on_the_page() -> None:
    health = Health(
        "paused", 1, "2026-11-21T09:00:00.000Z", None, "directory_refused", "<b>no</b>", "2026-11-21T08:00:00.000Z"
    )
    found = page(report(health=health))[1].text
    assert (
        "acme-okta is paused until a person corrects it; 1 read failed since 2026-11-21 09:00:00 UTC: <b>no</b>"
        in found
    )
    assert "everything was last read whole 2 hours before (2026-11-21 08:00:00 UTC)" in found
    assert "everything was never read whole" in page(report(health=Health()))[1].text


def test_the_page_says_how_what_is_held_is_released() -> None:
    cause = Cause("absent", "deactivate", 2, held=True, sentence="2 deactivations", cluster="deactivate-1")
    run = report().run
    assert f"Right: rosterd approve {run} · wrong: rosterd reject {run}" in page(report(causes=(cause,)))[1].text
    assert "this run is about run r0" in page(report(of="r0"))[1].text
