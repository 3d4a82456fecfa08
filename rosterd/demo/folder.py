"""The folder of the demo: three simulated directories as files, and a configuration that reads them."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from reconciler.errors import RunError
from rosterd.simulators.world import Kind, World

MARKER = ".rosterd-demo"
CONFIGURATION = "rosterd.toml"
DATABASE = "rosterd.db"


class NotADemo(RunError):
    """The folder holds something else; the demo replaces only what a demo made."""

    code = "not_a_demo"


@dataclass(frozen=True)
class Customer:
    """One customer of the made-up application, and the directory they keep."""

    id: str
    name: str
    kind: Kind
    vendor: str
    people: int
    seed: int

    @property
    def directory(self) -> str:
        return f"{self.id}-{self.kind}"

    @property
    def domain(self) -> str:
        return f"{self.id}.example"

    @property
    def file(self) -> str:
        """The simulated directory, as it is kept."""
        return f"{self.directory}.json"


CUSTOMERS = (
    Customer("acme", "Acme", "okta", "Okta", 320, 11),
    Customer("globex", "Globex", "entra", "Microsoft Entra ID", 280, 12),
    Customer("initech", "Initech", "google", "Google Workspace", 240, 13),
)
GROUPS = 12
ADMINS = "Rosterd Admins"
TEAMS = ("Engineering", "Product", "Sales")

# What only this kind of directory is configured with. The secrets are named but never looked up: `simulate` brings its
# own. Without that line, these tables are what a real directory looks like.
CONNECTIONS: dict[Kind, str] = {
    "okta": 'url = "https://acme.okta.com"\ntoken = { env = "OKTA_TOKEN" }',
    "entra": 'tenant_id = "00000000-0000-4000-8000-000000000000"\nclient_id = "11111111-1111-4111-8111-111111111111"\n'
    'client_secret = { env = "ENTRA_CLIENT_SECRET" }',
    "google": 'subject = "admin@initech.example"\nservice_account = { env = "GOOGLE_SERVICE_ACCOUNT" }',
}
HEADER = f"""\
# Made by `rosterd demo`: three customers, each with a directory. The lines `simulate = …` make rosterd serve that file
# as the vendor's API on loopback while a command runs; without them, it would read the real one.

[store]
url = "sqlite:///{DATABASE}"
"""


def prepare(folder: Path) -> None:
    """Makes the folder anew: worlds and configuration.

    Raises:
        NotADemo: it exists and was not made by a demo.
    """
    if folder.exists():
        if not (folder / MARKER).is_file() and (not folder.is_dir() or any(folder.iterdir())):
            raise NotADemo(
                f"{folder} exists and was not made by a demo",
                where=str(folder),
                fix="choose another folder with --folder, or remove this one",
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / MARKER).write_text("made by `rosterd demo`, and replaced by the next one\n", encoding="utf-8")
    for customer in CUSTOMERS:
        world = World.generate(
            customer.kind, customer.people, GROUPS, seed=customer.seed, domain=customer.domain, admins=ADMINS
        )
        world.save(folder / customer.file)
    (folder / CONFIGURATION).write_text(configuration(), encoding="utf-8")


def configuration() -> str:
    """The text of the demo's rosterd.toml."""
    return "\n".join((HEADER, *(_workspace(customer) for customer in CUSTOMERS)))


def _workspace(customer: Customer) -> str:
    teams = "\n".join(f'[[directory.team]]\ngroup = "{team}"\nteam = "{team}"' for team in TEAMS)
    return f"""\
# -- {customer.name}, with {customer.vendor} {"-" * (90 - len(customer.name + customer.vendor))}

[[workspace]]
id = "{customer.id}"
name = "{customer.name}"

[[workspace.role]]
axis = "role"
values = ["member", "admin"]
protect_last = "admin"

[[directory]]
id = "{customer.directory}"
workspace = "{customer.id}"
kind = "{customer.kind}"
simulate = "{customer.file}"
{CONNECTIONS[customer.kind]}

[[directory.role]]
axis = "role"
groups = {{ "{ADMINS}" = "admin" }}

{teams}
"""
