"""
The page at the root: what this is, and how to point installers here.
"""

from collections.abc import Sequence
from html import escape
from typing import ClassVar

from attrs import define
from twisted.web.server import Request

from proxypypi import __version__
from proxypypi.model import Outcome
from proxypypi.web.address import FROM, address_of
from proxypypi.web.headers import ALWAYS_ASK, cache_status, set_headers
from proxypypi.web.router import Router
from proxypypi.web.uploads import UploadRoutes

_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>proxypypi</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 3rem auto;
  padding: 0 1rem; color: #222; background: #fff; }}
h1 {{ margin-bottom: 0; }}
h2 {{ font-size: 1.1rem; margin: 2rem 0 .4rem; }}
pre {{ background: #f3f4f6; padding: .8rem 1rem; border-radius: 6px;
  white-space: pre-wrap; overflow-wrap: anywhere; }}
footer {{ margin-top: 3rem; color: #666; font-size: .9rem; }}
@media (prefers-color-scheme: dark) {{
  body {{ color: #ddd; background: #16181c; }} pre {{ background: #24272d; }}
  a {{ color: #8ab4f8; }} footer {{ color: #999; }} }}
</style>
</head>
<body>
<h1>proxypypi</h1>
<p>A caching proxy for Python packages. {role}
Files dropped into its directory are listed with the rest.</p>
<h2>pip</h2>
<pre>pip install -i {simple} {trust}PACKAGE</pre>
<p>or, for good, in <code>pip.conf</code>:</p>
<pre>[global]
index-url = {simple}{trusted}</pre>
<h2>uv</h2>
<pre>uv pip install --default-index {simple} PACKAGE</pre>
<p>or, for a project, in its <code>pyproject.toml</code>:</p>
<pre>[[tool.uv.index]]
url = "{simple}"
default = true</pre>
<h2>poetry</h2>
<pre>poetry source add --priority=primary proxypypi {simple}</pre>
{publish}<h2>What is here</h2>
<p><a href="local/">Projects with files here</a>, served without asking anybody:
use <code>{local}</code> for builds that repeat.</p>
<footer>proxypypi {version}</footer>
</body>
</html>
"""
_PUBLISH = """\
<h2>Publish</h2>
<pre>twine upload --repository-url {legacy} dist/*
uv publish --publish-url {legacy} dist/*</pre>
"""


@define(eq=False)
class HomeRoutes:
    """
    :ivar _upstreams: addresses of the indexes it stands in for.
    :ivar _uploads: takes what is published to the root, as some clients are told to.
    """

    router: ClassVar[Router] = Router()
    _upstreams: Sequence[str]
    _uploads: UploadRoutes

    @router.route("/", methods=["GET"])
    def home(self, request: Request) -> bytes:
        base = address_of(request)
        host = base.partition("://")[2].partition("/")[0]
        bracket = "]" if host.startswith("[") else ""
        name = host.partition(bracket or ":")[0] + bracket
        plain = base.startswith("http://") and not _is_local(name)
        page = _PAGE.format(
            role=(
                f"It stands in for {escape(' and '.join(self._upstreams))}."
                if self._upstreams
                else "It serves what is in its directory, and asks no one else."
            ),
            simple=escape(f"{base}simple/"),
            local=escape(f"{base}local/"),
            trust=f"--trusted-host {escape(name)} " if plain else "",
            trusted=f"\ntrusted-host = {escape(name)}" if plain else "",
            publish=(
                _PUBLISH.format(legacy=escape(f"{base}legacy/"))
                if self._uploads.takes_any
                else ""
            ),
            version=escape(__version__),
        ).encode()
        set_headers(
            request,
            content_type="text/html; charset=utf-8",
            content_length=str(len(page)),
            cache_control=ALWAYS_ASK,
            cache_status=cache_status(Outcome(hit=True)),
            vary=FROM,
        )
        return page

    @router.route("/", methods=["POST"])
    async def publish(self, request: Request) -> bytes:
        return await self._uploads.publish(request)


def _is_local(name: str) -> bool:
    """
    Does pip trust this host without TLS?
    """
    return name in ("localhost", "[::1]") or name.startswith("127.")
