"""How much one request may be: what discovery tells clients, and what is refused beyond it."""

MOST_OPERATIONS = 1000  # of a Bulk request; authentik sends as many in one PATCH as this says (source, #16678)
LARGEST_BULK = 1024 * 1024  # bytes of a Bulk request (RFC 7644 §3.7.4)
MOST_ANSWERED_MEMBERS = 100  # members of a group that a PATCH is answered with; a larger group is not looked through
MOST_SHOWN_MEMBERS = 50_000  # members of all groups of one page together; a page ends early, a group is never cut
