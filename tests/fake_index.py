"""
An upstream index for tests: it behaves, and misbehaves, as told.

It is a plain resource. In memory, ask it by
``RequestTraversalAgent(index)`` (:mod:`treq.testing`): after every
``clock.advance`` call the agent's ``flush``. On a socket, serve ``Site(index)``.
"""

import gzip
import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from hashlib import blake2b, md5, new, sha256
from html import escape
from posixpath import relpath
from typing import Any, Literal
from urllib.parse import quote, unquote

from attrs import Factory, define, evolve, field, frozen
from packaging.utils import canonicalize_name
from twisted.internet.interfaces import (
    IDelayedCall,
    IPushProducer,
    IReactorTime,
    IWriteDescriptor,
)
from twisted.web.http import datetimeToString
from twisted.web.http_headers import Headers
from twisted.web.resource import IResource
from twisted.web.server import NOT_DONE_YET, Request
from zope.interface import implementer

from tests.distributions import BuiltDistribution

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "application/vnd.pypi.simple.v1+html"

_PIECE = 1 << 16
_TICK = 0.01


@frozen(kw_only=True)
class Seen:
    """
    A request that the index got.

    :ivar path: without percent-encoding and query.
    :ivar uri: the path as it was sent.
    """

    method: str
    path: str
    uri: str
    query: str
    headers: Headers = field(repr=False)

    def header(self, name: str) -> str | None:
        return self.headers.getRawHeaders(name, [None])[0]


@frozen(kw_only=True)
class Fault:
    """
    How an answer differs from the right one. All offsets count bytes of the body of
    that answer; all times are seconds.

    :ivar status: in place of the right one, with a short text for a body.
    :ivar headers: added, or put in place of those that would be there.
    :ivar body: in place of the right one, such as garbage for a page; of a file, ranges
        are ranges of this.
    :ivar wrong_bytes: the length is right, the bytes are not.
    :ivar truncate_at: close the connection after so many bytes of the body.
    :ivar reset: close it by RST instead (so that some bytes may be lost).
    :ivar content_length: what the header says, whatever the body is.
    :ivar stall_at: send nothing for *stall* seconds after so many bytes.
    :ivar stall: :obj:`None` is for ever.
    :ivar rate: bytes per second; :obj:`None` is as fast as can be.
    :ivar delay: before the head of the answer.
    :ivar content_encoding: a label that is not true.
    :ivar gzip: compress the body, and say so.
    :ivar redirect: answer 302 to this address.
    :ivar ranges: are ``Range`` headers understood?
    :ivar chunked: do not say the length.
    """

    status: int | None = None
    headers: Mapping[str, str] = field(factory=dict)
    body: bytes | None = field(default=None, repr=False)
    wrong_bytes: bool = False
    truncate_at: int | None = None
    reset: bool = False
    content_length: int | None = None
    stall_at: int | None = None
    stall: float | None = None
    rate: float | None = None
    delay: float = 0.0
    content_encoding: str | None = None
    gzip: bool = False
    redirect: str | None = None
    ranges: bool = True
    chunked: bool = False


@frozen(kw_only=True)
class FakeFile:
    """
    A file and what the index says of it.

    :ivar path: where it is served.
    :ivar extra: more keys of the file's JSON, such as ``provenance``.
    """

    built: BuiltDistribution
    path: str
    requires_python: str | None
    upload_time: str | None
    yanked: str | bool
    core_metadata: bool
    extra: Mapping[str, Any] = field(factory=dict)


@define(kw_only=True)
class FakeProject:
    """
    A project: its files by name, and what the index says of it beside them.

    :ivar extra: more keys of the page's JSON, such as ``project-status``.
    """

    files: dict[str, FakeFile] = field(factory=dict)
    extra: dict[str, Any] = field(factory=dict)
    changed_at: float


@frozen
class _Answer:
    status: int
    headers: dict[str, str]
    body: bytes = b""


@implementer(IResource)
@define(eq=False, kw_only=True)
class FakeIndex:
    """
    An upstream index; change its attributes at any time.

    :ivar requests: all it ever got, in order.
    :ivar projects: by normalized name.
    :ivar base: path of the project list.
    :ivar documents: is there a JSON API, too?
    :ivar down: answer 503 to everything.
    :ivar login: ``USER:PASSWORD``, without which everything is answered 401.
    :ivar missing_status: of projects that it does not have.
    :ivar directories: how the pages' addresses spell projects, by normalized name;
        other spellings are redirected.
    :ivar html_only: know nothing of JSON.
    :ivar hashes: the algorithms of the digests that pages give, or none.
    :ivar sizes: do pages give sizes? If not, they are of version 1.0.
    :ivar upload_times: do pages give upload times?
    :ivar core_metadata: do pages offer ``.metadata``, and is it there?
    :ivar links: how pages spell the addresses of files.
    :ivar file_host: such as ``http://files.example:81``: the pages' links go there.
    :ivar base_href: HTML pages have this ``<base>``, and links that need it.
    :ivar etags: do answers have an ETag?
    :ivar last_modified: do answers have a date?
    :ivar suffix_ranges: if not, ``bytes=-5`` is answered 501.
    :ivar rate: bytes per second of every body; :obj:`None` is as fast as can be.
    :ivar delay: seconds before the head of every answer.
    """

    isLeaf = True
    _clock: IReactorTime = field(alias="clock")
    requests: list[Seen] = Factory(list)
    projects: dict[str, FakeProject] = Factory(dict)
    base: str = "/simple/"
    documents: bool = True
    down: bool = False
    login: str | None = None
    missing_status: int = 404
    directories: dict[str, str] = Factory(dict)
    html_only: bool = False
    hashes: tuple[str, ...] = ("sha256",)
    sizes: bool = True
    upload_times: bool = True
    core_metadata: bool = True
    links: Literal["relative", "rooted", "absolute"] = "relative"
    file_host: str = ""
    base_href: str | None = None
    etags: bool = True
    last_modified: bool = True
    suffix_ranges: bool = True
    rate: float | None = None
    delay: float = 0.0
    _faults: dict[str, list[Fault]] = field(factory=dict, init=False)
    _lasting: dict[str, Fault] = field(factory=dict, init=False)

    def add(
        self,
        built: BuiltDistribution,
        *,
        path: str | None = None,
        yanked: str | bool = False,
        upload_time: str | None = "2024-01-02T03:04:05.678901Z",
        core_metadata: bool | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> str:
        """
        Offer a file; one of the same name is replaced.

        :param path: where it is served; :obj:`None` for ``/files/PROJECT/FILENAME``.
        :param core_metadata: is ``.metadata`` offered? :obj:`None`: if it is a wheel.
        :returns: *path*, as :meth:`fail` and :meth:`asked` want it.
        """
        path = path or f"/files/{built.project}/{built.filename}"
        wheel = built.filename.endswith(".whl")
        project = self.add_project(built.project)
        project.files[built.filename] = FakeFile(
            built=built,
            path=path,
            requires_python=built.requires_python,
            upload_time=upload_time,
            yanked=yanked,
            core_metadata=wheel if core_metadata is None else core_metadata,
            extra=extra or {},
        )
        return path

    def add_project(self, name: str) -> FakeProject:
        """
        Have a project, if only an empty one; it counts as changed now.
        """
        now = self._clock.seconds()
        name = canonicalize_name(name)
        project = self.projects.setdefault(name, FakeProject(changed_at=now))
        project.changed_at = now
        return project

    def remove(self, filename: str) -> None:
        """
        Offer and serve a file no longer.
        """
        for name, project in self.projects.items():
            if project.files.pop(filename, None) is not None:
                self.add_project(name)

    def fail(self, path: str, fault: Fault, times: int | None = 1) -> None:
        """
        Answer requests for *path* wrongly, after the faults already told.

        :param path: without percent-encoding; ``"*"`` for any.
        :param times: how many requests; :obj:`None` is all until :meth:`heal`.
        """
        if times is None:
            self._lasting[path] = fault
        else:
            self._faults.setdefault(path, []).extend([fault] * times)

    def heal(self) -> None:
        """
        Have no faults any more, and be up.
        """
        self._faults.clear()
        self._lasting.clear()
        self.down = False

    def asked(self, path: str, method: str | None = "GET") -> list[Seen]:
        """
        The requests for *path*.

        :param method: :obj:`None` for any.
        """
        return [
            seen
            for seen in self.requests
            if seen.path == path and method in (None, seen.method)
        ]

    def getChildWithDefault(self, name: bytes, request: Request) -> "FakeIndex":
        return self

    def putChild(self, path: bytes, child: IResource) -> None:
        raise NotImplementedError("a leaf has no children")

    def render(self, request: Request) -> int:
        uri, _, query = request.uri.decode("latin-1").partition("?")
        path = unquote(uri)
        seen = Seen(
            method=request.method.decode(),
            path=path,
            uri=uri,
            query=query,
            headers=request.requestHeaders.copy(),
        )
        self.requests.append(seen)
        fault = self._fault(path)
        if fault.rate is None:
            fault = evolve(fault, rate=self.rate)
        fault = evolve(fault, delay=fault.delay or self.delay)
        answer = _spoil(self._answer(seen, fault), fault)
        _Sending(request, answer, fault, self._clock).begin()
        return NOT_DONE_YET

    def _fault(self, path: str) -> Fault:
        if self.down:
            return Fault(status=503)
        for key in (path, "*"):
            if faults := self._faults.get(key):
                return faults.pop(0)
            if key in self._lasting:
                return self._lasting[key]
        return Fault()

    def _answer(self, seen: Seen, fault: Fault) -> _Answer:
        if seen.method not in ("GET", "HEAD"):
            return _say(405, b"GET or HEAD only\n")
        if not self._knows(seen.header("Authorization")):
            headers = {"WWW-Authenticate": 'Basic realm="index"'}
            return _Answer(401, headers, b"a password, please\n")
        if fault.redirect is not None:
            return _Answer(fault.status or 302, {"Location": fault.redirect})
        if fault.status is not None:
            return _say(fault.status, fault.body or b"as told\n")
        path = seen.path
        for project in self.projects.values():
            for file in project.files.values():
                if path == file.path:
                    tag = file.built.sha256
                    return self._file(seen, fault, file.built.content, tag)
                if path == f"{file.path}.metadata" and self._offers(file):
                    tag = f"metadata of {file.built.sha256}"
                    return self._file(seen, fault, file.built.metadata, tag)
        if path.startswith(self.base):
            answer = self._simple(seen, path.removeprefix(self.base))
        elif self.documents and path.startswith("/pypi/") and path.endswith("/json"):
            name, *version = path.split("/")[2:-1]
            answer = self._document(seen, name, *version)
        else:
            answer = _say(404, b"no such file\n")
        if fault.body is not None:
            return _Answer(200, answer.headers, fault.body)
        return answer

    def _knows(self, authorization: str | None) -> bool:
        if self.login is None:
            return True
        return authorization == "Basic " + b64encode(self.login.encode()).decode()

    def _offers(self, file: FakeFile) -> bool:
        return self.core_metadata and file.core_metadata

    def _simple(self, seen: Seen, name: str) -> _Answer:
        body: dict[str, Any]
        if not name:
            project, body = None, {"projects": [{"name": n} for n in self.projects]}
        else:
            normalized = canonicalize_name(name.strip("/"))
            project = self.projects.get(normalized)
            if project is None:
                return _say(self.missing_status, b"no such project\n")
            directory = self.directories.get(normalized, normalized)
            if name != f"{directory}/":
                return _Answer(301, {"Location": f"{self.base}{directory}/"})
            body = self._body(seen, normalized, project)
        content_type = self._negotiate(seen)
        if content_type == JSON:
            version = "1.1" if self.sizes else "1.0"
            if "project-status" in body:
                version = "1.4"
            meta = {"api-version": version} | body.pop("meta", {})
            content = json.dumps({"meta": meta} | body).encode()
        elif project is None:
            content = _html(
                [(n["name"], f"{n['name']}/", {}) for n in body["projects"]]
            )
        else:
            content = _html([_anchor(f) for f in body["files"]], self.base_href, body)
        headers = {
            "Content-Type": content_type,
            "Cache-Control": "max-age=600, public",
            "Vary": "Accept",
        }
        changed_at = 0.0 if project is None else project.changed_at
        return self._conditional(
            seen, headers, content, sha256(content).hexdigest(), changed_at
        )

    def _document(self, seen: Seen, name: str, version: str = "") -> _Answer:
        """
        Of the JSON API; the newest release is the one that was added last.
        """
        project = self.projects.get(name)
        files = list(project.files.values()) if project is not None else []
        releases: dict[str, list[dict[str, Any]]] = {}
        for file in files:
            entry = _file_document(file, self._link(seen, file.path))
            releases.setdefault(file.built.version, []).append(entry)
        about = version or (files[-1].built.version if files else "")
        if project is None or about not in releases:
            return _Answer(404, {"Content-Type": "application/json"}, b"{}")
        info = {"name": name, "version": about, "summary": f"{name} {about} upstream"}
        body = {
            "info": info | {"package_url": f"https://index.example/project/{name}/"},
            "last_serial": 7,
            "ownership": {"organization": "them", "roles": []},
            "urls": releases[about],
            "vulnerabilities": [{"id": f"V-{about}"}],
        } | ({} if version else {"releases": releases})
        content = json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        tag = sha256(content).hexdigest()
        return self._conditional(seen, headers, content, tag, project.changed_at)

    def _negotiate(self, seen: Seen) -> str:
        accept = seen.header("Accept") or ""
        if not self.html_only:
            for offered in (JSON, HTML):
                if offered in accept:
                    return offered
        return "text/html; charset=utf-8"

    def _body(self, seen: Seen, name: str, project: FakeProject) -> dict[str, Any]:
        files = []
        for filename, file in project.files.items():
            entry: dict[str, Any] = {
                "filename": filename,
                "url": self._link(seen, file.path),
                "hashes": {a: _digest(a, file.built.content) for a in self.hashes},
                "requires-python": file.requires_python,
                "yanked": file.yanked,
            }
            if self._offers(file):
                entry["core-metadata"] = {
                    "sha256": _digest("sha256", file.built.metadata)
                }
            if self.sizes:
                entry["size"] = len(file.built.content)
            if self.upload_times and file.upload_time is not None:
                entry["upload-time"] = file.upload_time
            files.append(entry | dict(file.extra))
        versions = {file.built.version: None for file in project.files.values()}
        body: dict[str, Any] = {"name": name, "files": files}
        if self.sizes:
            body["versions"] = list(versions)
        return body | project.extra

    def _link(self, seen: Seen, path: str) -> str:
        quoted = quote(path, safe="/")
        if self.base_href is not None:
            return quoted.removeprefix("/")
        if self.file_host:
            return self.file_host + quoted
        if self.links == "absolute":
            return f"http://{seen.header('Host')}{quoted}"
        if self.links == "relative":
            return relpath(quoted, seen.path)
        return quoted

    def _conditional(
        self,
        seen: Seen,
        headers: dict[str, str],
        content: bytes,
        tag: str,
        changed_at: float,
    ) -> _Answer:
        etag, date = f'"{tag}"', datetimeToString(changed_at).decode()
        if self.etags:
            headers["ETag"] = etag
        if self.last_modified:
            headers["Last-Modified"] = date
        known = seen.header("If-None-Match")
        if self.etags and known is not None:
            unchanged = etag in known or known == "*"
        else:
            unchanged = self.last_modified and seen.header("If-Modified-Since") == date
        if unchanged:
            return _Answer(304, headers)
        return _Answer(200, headers, content)

    def _file(self, seen: Seen, fault: Fault, content: bytes, tag: str) -> _Answer:
        if fault.body is not None:
            content = fault.body
        if fault.wrong_bytes:
            content = _wrong(content)
        headers = {"Content-Type": "application/octet-stream"}
        whole = self._conditional(seen, headers, content, tag, 0.0)
        if whole.status == 304 or not fault.ranges:
            return whole
        headers["Accept-Ranges"] = "bytes"
        wanted = seen.header("Range")
        condition = seen.header("If-Range")
        if wanted is None or not wanted.startswith("bytes="):
            return whole
        if condition not in (None, headers.get("ETag"), headers.get("Last-Modified")):
            return whole
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        if not first and not self.suffix_ranges:
            return _say(501, b"no suffix ranges here\n")
        size = len(content)
        start = int(first) if first else max(0, size - int(last))
        end = min(size, int(last) + 1) if first and last else size
        if start >= end:
            headers["Content-Range"] = f"bytes */{size}"
            return _Answer(416, headers)
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        return _Answer(206, headers, content[start:end])


def _file_document(file: FakeFile, url: str) -> dict[str, Any]:
    content = file.built.content
    return {
        "comment_text": f"about {file.built.filename}",
        "digests": {a: _digest(a, content) for a in ("md5", "sha256")}
        | {"blake2b_256": blake2b(content, digest_size=32).hexdigest()},
        "filename": file.built.filename,
        "has_sig": False,
        "md5_digest": _digest("md5", content),
        "packagetype": "bdist_wheel" if file.core_metadata else "sdist",
        "python_version": "py3" if file.core_metadata else "source",
        "requires_python": file.requires_python,
        "size": len(content),
        "upload_time": (file.upload_time or "")[:19],
        "upload_time_iso_8601": file.upload_time,
        "url": url,
        "yanked": file.yanked is not False,
        "yanked_reason": file.yanked or None,
    }


def _say(status: int, text: bytes) -> _Answer:
    return _Answer(status, {"Content-Type": "text/plain"}, text)


def _digest(algorithm: str, content: bytes) -> str:
    if algorithm == "md5":
        return md5(content, usedforsecurity=False).hexdigest()
    return new(algorithm, content).hexdigest()


def _wrong(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :]


def _anchor(entry: dict[str, Any]) -> tuple[str, str, dict[str, str]]:
    attributes = {}
    if entry["requires-python"] is not None:
        attributes["data-requires-python"] = entry["requires-python"]
    if entry["yanked"] is not False:
        reason = entry["yanked"]
        attributes["data-yanked"] = "" if reason is True else reason
    if digests := entry.get("core-metadata"):
        value = "=".join(*digests.items())
        attributes["data-core-metadata"] = attributes["data-dist-info-metadata"] = value
    if "gpg-sig" in entry:
        attributes["data-gpg-sig"] = "true" if entry["gpg-sig"] else "false"
    if entry.get("provenance"):
        attributes["data-provenance"] = entry["provenance"]
    fragment = "".join(f"#{a}={d}" for a, d in list(entry["hashes"].items())[:1])
    return entry["filename"], entry["url"] + fragment, attributes


def _html(
    anchors: list[tuple[str, str, dict[str, str]]],
    base_href: str | None = None,
    body: Mapping[str, Any] | None = None,
) -> bytes:
    metas = {"pypi:repository-version": "1.0"}
    for key, value in (body or {}).get("project-status", {}).items():
        name = (
            "pypi:project-status" if key == "status" else f"pypi:project-status-{key}"
        )
        metas[name] = value
    lines = ["<!DOCTYPE html>", "<html><head><title>Links</title>"]
    lines += [
        f'<meta name="{name}" content="{escape(content)}">'
        for name, content in metas.items()
    ]
    if base_href is not None:
        lines.append(f'<base href="{escape(base_href)}">')
    lines.append("</head><body>")
    for text, href, attributes in anchors:
        spelt = "".join(f' {name}="{escape(v)}"' for name, v in attributes.items())
        lines.append(f'<a href="{escape(href)}"{spelt}>{escape(text)}</a><br>')
    return "\n".join([*lines, "</body></html>"]).encode()


def _spoil(answer: _Answer, fault: Fault) -> _Answer:
    headers, body = dict(answer.headers), answer.body
    if fault.gzip:
        body = gzip.compress(body, mtime=0)
        headers["Content-Encoding"] = "gzip"
    if fault.content_encoding is not None:
        headers["Content-Encoding"] = fault.content_encoding
    if fault.content_length is not None:
        headers["Content-Length"] = str(fault.content_length)
    elif not fault.chunked and answer.status != 304:
        headers["Content-Length"] = str(len(body))
    return _Answer(answer.status, headers | dict(fault.headers), body)


@implementer(IPushProducer)
@define(eq=False)
class _Sending:
    """
    One answer on its way.
    """

    _request: Request
    _answer: _Answer
    _fault: Fault
    _clock: IReactorTime
    _sent: int = field(default=0, init=False)
    _paused: bool = field(default=False, init=False)
    _over: bool = field(default=False, init=False)
    _stalled: bool = field(default=False, init=False)
    _since: float = field(default=0.0, init=False)
    _later: IDelayedCall | None = field(default=None, init=False)

    def begin(self) -> None:
        self._request.notifyFinish().addErrback(lambda _: self.stopProducing())
        if self._fault.delay:
            self._call_later(self._fault.delay, self._begin)
        else:
            self._begin()

    def _begin(self) -> None:
        self._request.setResponseCode(self._answer.status)
        for name, value in self._answer.headers.items():
            self._request.setHeader(name, value)
        self._since = self._clock.seconds()
        if self._request.method == b"HEAD" or self._answer.status == 304:
            self._over = True
            self._request.write(b"")
            self._request.finish()
            return
        self._request.registerProducer(self, True)
        self._request.write(b"")  # the head goes out, whatever becomes of the body
        self._send()

    def _send(self) -> None:
        body, cut = self._answer.body, self._fault.truncate_at
        end = len(body) if cut is None else min(cut, len(body))
        while not self._over and not self._paused and self._later is None:
            may = end
            if self._fault.stall_at is not None and not self._stalled:
                may = min(may, self._fault.stall_at)
            if self._fault.rate is not None:
                elapsed = self._clock.seconds() - self._since
                may = min(may, int(self._fault.rate * elapsed + 1e-6))
            if self._sent < may:
                piece = body[self._sent : min(may, self._sent + _PIECE)]
                self._sent += len(piece)
                self._request.write(piece)
            elif self._sent >= end and (self._stalled or self._fault.stall_at is None):
                self._end()
            elif self._sent == self._fault.stall_at and not self._stalled:
                self._stalled = True
                if self._fault.stall is None:
                    return
                self._since += self._fault.stall
                self._call_later(self._fault.stall, self._send)
            else:
                self._call_later(_TICK, self._send)

    def _end(self) -> None:
        self._over = True
        self._request.unregisterProducer()
        transport: Any = self._request.channel.transport
        if self._fault.reset:
            if IWriteDescriptor.providedBy(transport):
                transport.doWrite()  # else what is in its buffer would be lost
            transport.abortConnection()
        elif self._fault.truncate_at is not None:
            self._request.loseConnection()
        else:
            self._request.finish()
            if self._fault.content_length is not None:
                transport.loseConnection()

    def _call_later(self, delay: float, call: Callable[[], None]) -> None:
        def go() -> None:
            self._later = None
            call()

        self._later = self._clock.callLater(delay, go)

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False
        self._send()

    def stopProducing(self) -> None:
        self._over = True
        if self._later is not None:
            self._later.cancel()
            self._later = None
