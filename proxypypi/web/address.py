"""
Where we are, as those see us who ask.
"""

from twisted.web.server import Request

from proxypypi.web.headers import header

FROM = "Host, X-Forwarded-Proto, X-Forwarded-Prefix"
"""
The headers that it is taken from.
"""


def address_of(request: Request) -> str:
    """
    The address the client used, with a final slash, or the one a web server in front
    says it did; never of any use but to show it to that client.
    """
    scheme = header(request, "X-Forwarded-Proto")
    if scheme not in ("http", "https"):
        scheme = "https" if request.isSecure() else "http"
    host = header(request, "Host") or request.getRequestHostname().decode("ascii")
    prefix = (header(request, "X-Forwarded-Prefix") or "").strip("/")
    return f"{scheme}://{host}/{prefix}/" if prefix else f"{scheme}://{host}/"
