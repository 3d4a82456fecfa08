"""What a daemon costs that has nothing to do: processor time and memory of `rosterd serve` with many directories.

.venv/bin/python bench/idle.py --directories 1000 --seconds 60
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

WORKSPACE = '[[workspace]]\nid = "w{0}"\n'
DIRECTORY = (
    '[[directory]]\nid = "d{0}"\nworkspace = "w{0}"\nkind = "okta"\ncron = "{1} {2} 29 2 *"\n'
    'url = "https://acme.okta.com"\ntoken = {{ env = "OKTA_TOKEN" }}\n'
)


def configuration(directories: int) -> str:
    """So many workspaces with one directory each, none of which is due before the next leap day."""
    head = '[http]\nlisten = "127.0.0.1:0"\n'
    return head + "".join(
        WORKSPACE.format(number) + DIRECTORY.format(number, number % 60, number % 24) for number in range(directories)
    )


def main() -> None:
    """Starts the daemon, lets it settle, and prints what it used."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directories", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "rosterd.toml").write_text(configuration(given.directories), encoding="utf-8")
        command = [sys.executable, "-m", "rosterd", "serve", "--json"]
        environment = {**os.environ, "OKTA_TOKEN": "none", "PYTHONPATH": str(Path(__file__).parents[1])}
        with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE) as daemon:
            assert daemon.stdout is not None
            daemon.stdout.readline()
            time.sleep(5)
            process = psutil.Process(daemon.pid)
            before = process.cpu_times()
            time.sleep(given.seconds)
            after = process.cpu_times()
            used = after.user + after.system - before.user - before.system
            memory = process.memory_info().rss / 1e6
            daemon.terminate()
    print(f"{given.directories} directories: {100 * used / given.seconds:.2f} % of a core, {memory:.0f} MB")


if __name__ == "__main__":
    main()
