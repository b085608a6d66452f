"""
How installers and publishers are pointed here.
"""

from html import escape

_INSTALL = """\
<h2>Install from here</h2>
<h3>pip</h3>
<pre>pip install -i {simple} {trust}PACKAGE</pre>
<h3>pip, for good: pip.conf</h3>
<pre>[global]
index-url = {simple}{trusted}</pre>
<h3>uv</h3>
<pre>uv pip install --default-index {simple} PACKAGE</pre>
<h3>uv, for a project: pyproject.toml</h3>
<pre>[[tool.uv.index]]
url = "{simple}"
default = true</pre>
<h3>poetry</h3>
<pre>poetry source add --priority=primary proxypypi {simple}</pre>
"""
_PUBLISH = """\
<pre>twine upload --repository-url {legacy} dist/*
uv publish --publish-url {legacy} dist/*</pre>
"""


def installing(base: str) -> str:
    """
    :param base: the address that the client used, with a final slash.
    """
    host = base.partition("://")[2].partition("/")[0]
    bracket = "]" if host.startswith("[") else ""
    name = host.partition(bracket or ":")[0] + bracket
    plain = base.startswith("http://") and not _is_local(name)
    return _INSTALL.format(
        simple=escape(f"{base}simple/"),
        trust=f"--trusted-host {escape(name)} " if plain else "",
        trusted=f"\ntrusted-host = {escape(name)}" if plain else "",
    )


def publishing(base: str) -> str:
    """
    :param base: as for :func:`installing`.
    """
    return _PUBLISH.format(legacy=escape(f"{base}legacy/"))


def _is_local(name: str) -> bool:
    """
    Does pip trust this host without TLS?
    """
    return name in ("localhost", "[::1]") or name.startswith("127.")
