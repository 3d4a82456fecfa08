"""The SCIM 2.0 listener: what requests of an identity provider mean (RFC 7643, RFC 7644, RFC 9865).

A directory that tells rosterd instead of being asked. Here lives the protocol as functions of values: no sockets, no
SQL, no clock. Requests arrive through rosterd/http, resources are kept by the store behind `ports.Resources`.
"""
