"""
What the fake upstream serves: pages of chosen sizes and files, made once.
"""

import gzip
import json
import os
from collections.abc import Sequence
from hashlib import sha256
from html import escape
from pathlib import Path

from attrs import evolve, frozen

from tests.distributions import make_wheel

KB, MB = 1000, 1_000_000
SMALL, MEDIUM, LARGE, HUGE = "small", "medium", "large", "huge"
CROWD = "crowd"
COPIES = 4  # of each large file, under names of their own
TREE = 40  # packages
TREES = ("alpha", "beta")  # one for each installer
_LINKS = 10_000  # to one inode
_BASE = "@UPSTREAM@"


@frozen(kw_only=True)
class Listed:
    """
    A file as its page lists it.

    :ivar metadata: digest of its core metadata, if that is offered.
    """

    filename: str
    sha256: str
    size: int
    metadata: str | None = None


def _json_entry(project: str, file: Listed) -> dict[str, object]:
    offered: object = {"sha256": file.metadata} if file.metadata else False
    return {
        "core-metadata": offered,
        "data-dist-info-metadata": offered,
        "filename": file.filename,
        "hashes": {"sha256": file.sha256},
        "provenance": None,
        "requires-python": ">=3.8",
        "size": file.size,
        "upload-time": "2024-05-06T07:08:09.123456Z",
        "url": f"{_BASE}/files/{project}/{file.filename}",
        "yanked": False,
    }


def render_json(project: str, files: Sequence[Listed]) -> bytes:
    page = {
        "files": [_json_entry(project, file) for file in files],
        "meta": {"_last-serial": 12345678, "api-version": "1.3"},
        "name": project,
        "versions": [file.filename.split("-")[1] for file in files],
    }
    return json.dumps(page, separators=(",", ":")).encode()


def render_html(project: str, files: Sequence[Listed]) -> bytes:
    lines = [
        "<!DOCTYPE html>\n<html>\n  <head>\n"
        '    <meta name="pypi:repository-version" content="1.3">\n'
        f"    <title>Links for {project}</title>\n  </head>\n  <body>\n"
        f"    <h1>Links for {project}</h1>\n"
    ]
    for file in files:
        url = f"{_BASE}/files/{project}/{file.filename}#sha256={file.sha256}"
        offered = ""
        if file.metadata:
            offered = f' data-core-metadata="sha256={file.metadata}"'
        lines.append(
            f'<a href="{url}" data-requires-python="{escape(">=3.8")}"{offered}>'
            f"{file.filename}</a><br />\n"
        )
    return "".join([*lines, "</body>\n</html>\n"]).encode()


def _invented(project: str, count: int) -> list[Listed]:
    """
    Files that a page lists and nobody asks for.
    """
    return [
        Listed(
            filename=f"{project}-{n // 8}.{n % 8}.0-py3-none-any.whl",
            sha256=sha256(f"{project} {n}".encode()).hexdigest(),
            size=12_345 + n,
        )
        for n in range(count)
    ]


def _enough(project: str, size: int, compressed: bool) -> list[Listed]:
    """
    So many files that the page is as large as that.
    """
    sample = render_json(project, _invented(project, 500))
    one = len(gzip.compress(sample) if compressed else sample) / 500
    return _invented(project, round(size / one))


def _write_noise(path: Path, size: int) -> str:
    digest = sha256()
    with path.open("wb") as out:
        for left in range(size, 0, -MB):
            piece = os.urandom(min(left, MB))
            digest.update(piece)
            out.write(piece)
    return digest.hexdigest()


def _copies(folder: Path, project: str, size: int, count: int) -> list[Listed]:
    """
    Files of the same bytes under names of their own.
    """
    (folder / project).mkdir(parents=True)
    names = [f"{project}-{n}.0-py3-none-any.whl" for n in range(1, count + 1)]
    first = folder / project / names[0]
    digest = _write_noise(first, size)
    for name in names[1:]:
        os.link(first, first.with_name(name))
    return [Listed(filename=name, sha256=digest, size=size) for name in names]


def _tree(folder: Path, prefix: str) -> dict[str, list[Listed]]:
    """
    Packages of which the first one needs all others, by way of each other.
    """
    projects = {}
    for n in range(TREE):
        name = f"{prefix}{n}"
        needs = [f"{prefix}{m}" for m in (2 * n + 1, 2 * n + 2) if m < TREE]
        built = make_wheel(name, "1.0", requires=needs, payload=50_000 + 10_000 * n)
        (folder / name).mkdir()
        path = folder / name / built.filename
        path.write_bytes(built.content)
        path.with_name(f"{built.filename}.metadata").write_bytes(built.metadata)
        listed = Listed(
            filename=built.filename,
            sha256=built.sha256,
            size=len(built.content),
            metadata=sha256(built.metadata).hexdigest(),
        )
        older = [evolve(f, metadata=None) for f in _invented(name, 30)]
        projects[name] = [*(f for f in older if "-0." in f.filename), listed]
    return projects


@frozen
class Content:
    """
    :ivar files: a folder per project.
    :ivar projects: what their pages list.
    """

    files: Path
    projects: dict[str, list[Listed]]

    @classmethod
    def make(cls, folder: Path) -> "Content":
        files = folder / "files"
        files.mkdir(parents=True)
        projects = {
            SMALL: _enough(SMALL, 2 * KB, compressed=False),
            MEDIUM: _enough(MEDIUM, 200 * KB, compressed=True),
            LARGE: _enough(LARGE, 2 * MB, compressed=False),
            HUGE: _invented(HUGE, 4500),
            CROWD: _enough(CROWD, 200 * KB, compressed=True),
            "f10k": _copies(files, "f10k", 10 * KB, 1),
            "f100k": _copies(files, "f100k", 100 * KB, 1),
            "f3m": _copies(files, "f3m", 3 * MB, COPIES),
            "f10m": _copies(files, "f10m", 10 * MB, COPIES),
            "f200m": _copies(files, "f200m", 200 * MB, COPIES),
        }
        for prefix in TREES:
            projects |= _tree(files, prefix)
        return cls(files, projects)

    def write_pages(self, folder: Path, base: str) -> None:
        """
        All pages, also compressed, with links to an address.

        :param base: without a slash at the end.
        """
        folder.mkdir(parents=True)
        for project, files in self.projects.items():
            for kind, render in (("json", render_json), ("html", render_html)):
                page = render(project, files).replace(_BASE.encode(), base.encode())
                write_page(folder, project, kind, page)
        names = sorted(self.projects)
        listed = {
            "meta": {"_last-serial": 12345678, "api-version": "1.3"},
            "projects": [{"_last-serial": 1, "name": name} for name in names],
        }
        write_page(folder, "index", "json", json.dumps(listed).encode())
        anchors = "".join(f'<a href="/simple/{n}/">{n}</a>\n' for n in names)
        write_page(folder, "index", "html", f"<!DOCTYPE html>\n{anchors}".encode())

    def filename(self, project: str, n: int = 0) -> str:
        return self.projects[project][n].filename


def write_page(
    folder: Path, project: str, kind: str, page: bytes, packed: bytes | None = None
) -> None:
    (folder / f"{project}.{kind}").write_bytes(page)
    packed = packed or gzip.compress(page, mtime=0)
    (folder / f"{project}.{kind}.gz").write_bytes(packed)


def fill(folder: Path, count: int) -> None:
    """
    A directory of so many tiny files, ten in each project's folder.
    """
    source = folder.with_name(f"{folder.name}.source")
    folder.mkdir(parents=True)
    for n in range(count):
        if n % _LINKS == 0:
            source.unlink(missing_ok=True)
            source.write_bytes(b"x" * 100)
        project = f"p{n // 10}"
        if n % 10 == 0:
            (folder / project).mkdir()
        name = f"{project}-{n % 10}.0-py3-none-any.whl"
        os.link(source, folder / project / name)
    source.unlink(missing_ok=True)
