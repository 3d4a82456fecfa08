"""Reports for people: text for a terminal (text.py), one page of HTML (html.py). Both stream the actions.

Everything here is a function of a `Report` and its rows; nothing prints. JSON and CSV are in reconciler/report.py.
"""
