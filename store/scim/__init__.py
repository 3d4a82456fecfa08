"""What SCIM clients told: resources and memberships, filters as SQL, tokens, and how all that becomes the mirror.

It implements the port `Resources` of the listener without knowing it: connectors and store do not import each other.
"""
