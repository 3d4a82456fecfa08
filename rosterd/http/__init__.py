"""What `rosterd serve` answers over HTTP: one ASGI application, its bounds, and the SCIM endpoint.

What a SCIM request means is connectors/scim; what becomes of what it told is rosterd/daemon.
"""
