"""
Where we are, as those see us who ask.
"""

from twisted.web.server import Request

from proxypypi.errors import BadRequest
from proxypypi.web.headers import header

_LONGEST = 500  # characters of host and prefix; each file's address begins with them

FROM = "Host, X-Forwarded-Proto, X-Forwarded-Prefix"
"""
The headers that it is taken from.
"""


def address_of(request: Request) -> str:
    """
    The address the client used, with a final slash, or the one a web server in front
    says it did; never of any use but to show it to that client.

    :raises BadRequest: it is so long that it would make up most of the answer.
    """
    scheme = header(request, "X-Forwarded-Proto")
    if scheme not in ("http", "https"):
        scheme = "https" if request.isSecure() else "http"
    host = header(request, "Host") or request.getRequestHostname().decode("ascii")
    prefix = (header(request, "X-Forwarded-Prefix") or "").strip("/")
    if len(host) + len(prefix) > _LONGEST:
        raise BadRequest(reason="the address that is asked for is too long")
    return f"{scheme}://{host}/{prefix}/" if prefix else f"{scheme}://{host}/"
