"""The one HTTP layer, under every client of a system: `Http` sends a `Request`, and the answer or one error comes back.

=========================================  ================  ====================================================
answer                                     error             code
=========================================  ================  ====================================================
429; 408, 425, 5xx with ``Retry-After``;   BusyError         ``<system>-busy``; ``after`` says how long to wait
what the system calls "try again later"
no connection, reset, cut or slow body     UnreachableError  ``<system>-unreachable``
other 408, 425, 5xx; a redirect; a web     UnreachableError  the system's own: ``forge-failed``, ``tickets-answer``,
page or other text that is not of the API                    ``registry-unreachable``, ``kubernetes-server-error``
401                                        RefusedError      ``<system>-unauthenticated``
403                                        RefusedError      ``<system>-forbidden``
404                                        NotFoundError     ``<system>-not-found``
413                                        RefusedError      ``<system>-request-too-large``
other 4xx                                  InputError        the system's own: ``forge-invalid``,
                                                             ``registry-refused``, ``tickets-refused``,
                                                             ``kubernetes-bad-request``
=========================================  ================  ====================================================

What differs from this table stands in the `System` of each client. Rules that hold for all:

- A repeatable request (GET, HEAD, what its caller declares) is tried again when the system was unreachable or busy;
  any other only when it was provably not sent (no connection), or when the system says that it did nothing.
- One call, with all its tries, waits and its body, ends within a time that is handed in.
- Credentials stay with their origin. A token is asked for at each request; a 401 makes it be read anew, once.
- Trust is the CA that the address names, or the public ones. The environment's proxies and .netrc are not used.
"""

from __future__ import annotations

from interlock.clients.http.client import Http, Options, Patience, Request, entries, total_count
from interlock.clients.http.system import System
from interlock.clients.http.tokens import Credentials, FileToken, Secret, Token, TokenProvider

__all__ = [
    "Credentials",
    "FileToken",
    "Http",
    "Options",
    "Patience",
    "Request",
    "Secret",
    "System",
    "Token",
    "TokenProvider",
    "entries",
    "total_count",
]
