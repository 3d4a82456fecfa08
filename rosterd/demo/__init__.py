"""The demo: three made-up customers with simulated directories, and the days they live through.

Here are its folder (folder.py) and its events (events.py); the story is told by the command, rosterd/cli/demo.py.
"""
