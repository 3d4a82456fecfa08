"""The command `rosterd`: one module per group of commands; app.py puts them together.

Modules here import Typer and what is cheap; everything else is imported inside the command that needs it, so that
`rosterd --help` answers at once and a sync of one kind of directory loads no other kind's SDK.
"""

from rosterd.cli.app import main

__all__ = ["main"]
