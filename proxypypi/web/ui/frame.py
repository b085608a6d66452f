"""
What all pages for people have in common. Nothing on them comes from anywhere else.
"""

from base64 import b64encode
from hashlib import sha256
from html import escape
from pkgutil import get_data

from twisted.web.server import Request

from proxypypi import __version__

_FRAME = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="{icon}">
<style>{style}</style>
</head>
<body>
<header><a href="{home}">proxypypi</a>{beside}</header>
<main>
{content}</main>
<footer>proxypypi {version}</footer>
</body>
</html>
"""
_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'"
    "%3E%3Cpath fill='%232a9d6a' d='M8 1l6 3.5v7L8 15l-6-3.5v-7z'/%3E%3C/svg%3E"
)
_DEEPEST = 20  # segments; browsers do not go beyond the root


def _read(name: str) -> str:
    content = get_data(__name__, name)
    assert content is not None, "our loader knows no data"
    return content.decode()


def _source(content: str) -> str:
    """
    What a policy calls this very style sheet or script.
    """
    return f"'sha256-{b64encode(sha256(content.encode()).digest()).decode()}'"


_STYLE = _read("style.css")
_LIVE = _read("live.js")

FOLLOW = f"<script>{_LIVE}</script>\n"
"""
Has a page follow what the server does, where scripts are allowed.
"""

POLICY = "; ".join(
    (
        "default-src 'none'",
        f"style-src {_source(_STYLE)}",
        f"script-src {_source(_LIVE)}",
        "connect-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""
What browsers may do with a page, by its ``Content-Security-Policy``: no more than it
takes to show it, and to follow what the server does.
"""


def frame(title: str, content: str, *, home: str = "./", beside: str = "") -> bytes:
    """
    :param title: is text.
    :param content: is HTML, and so is *beside*, which stands beside our name.
    :param home: the address of the home page.
    """
    return _FRAME.format(
        title=escape(title),
        icon=_ICON,
        style=_STYLE,
        home=escape(home),
        beside=beside,
        content=content,
        version=escape(__version__),
    ).encode()


def way_home(request: Request) -> str:
    """
    The home page's address, relative, so that any host name and mount point works.
    """
    return "../" * min(_DEEPEST, request.path.count(b"/") - 1) or "./"
