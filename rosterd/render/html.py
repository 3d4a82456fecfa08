"""A report as one self-contained page of HTML: no script, no style or image from elsewhere; it prints.

The template is report.html beside this file; everything in it is escaped.
"""

from collections.abc import Iterable, Iterator

from jinja2 import Environment, PackageLoader, StrictUndefined

from reconciler.report import ActionRow, Report
from rosterd.render import words

BUFFERED = 200  # pieces of the template joined into one


def report_html(report: Report, actions: Iterable[ActionRow]) -> Iterator[str]:
    """The page in pieces; the actions are read as they are written."""
    environment = Environment(
        loader=PackageLoader("rosterd.render", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("report.html")
    stream = template.stream(report=report, actions=actions, words=words)
    stream.enable_buffering(BUFFERED)
    yield from stream
