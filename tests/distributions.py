"""
Tiny wheels and sdists, made in memory: valid, and the same bytes each time.
"""

import gzip
import io
import random
import tarfile
import zipfile
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from functools import cached_property, lru_cache
from hashlib import sha256

from attrs import field, frozen
from packaging.utils import canonicalize_name


@frozen(kw_only=True)
class BuiltDistribution:
    """
    A wheel or an sdist.

    :ivar project: its normalized name.
    :ivar metadata: the core metadata inside of it.
    """

    filename: str
    project: str
    version: str
    requires_python: str | None
    content: bytes = field(repr=False)
    metadata: bytes = field(repr=False)

    @cached_property
    def sha256(self) -> str:
        return sha256(self.content).hexdigest()


@lru_cache(maxsize=64)
def _noise(seed: str, size: int) -> bytes:
    return random.Random(seed).randbytes(size)


def _metadata(
    name: str, version: str, requires: Sequence[str], requires_python: str | None
) -> bytes:
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    if requires_python is not None:
        lines.append(f"Requires-Python: {requires_python}")
    return ("\n".join(lines) + "\n").encode()


def make_wheel(
    name: str,
    version: str = "1.0",
    *,
    requires: Sequence[str] = (),
    requires_python: str | None = None,
    payload: int = 0,
) -> BuiltDistribution:
    """
    A pure wheel with one module, whose ``VERSION`` is the version.

    :param requires: requirements, as ``Requires-Dist`` has them.
    :param payload: bytes that no compression shortens, to make it large.
    """
    module = canonicalize_name(name).replace("-", "_")
    info = f"{module}-{version}.dist-info"
    metadata = _metadata(name, version, requires, requires_python)
    files = {
        f"{module}.py": f"VERSION = {version!r}\n".encode(),
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": (
            b"Wheel-Version: 1.0\nGenerator: tests\n"
            b"Root-Is-Purelib: true\nTag: py3-none-any\n"
        ),
    }
    if payload:
        files[f"{module}_payload.bin"] = _noise(f"{name} {version}", payload)
    record = "".join(
        f"{path},sha256={_urlsafe(sha256(content).digest())},{len(content)}\n"
        for path, content in files.items()
    )
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for path, content in files.items():
            archive.writestr(zipfile.ZipInfo(path), content)
    return BuiltDistribution(
        filename=f"{module}-{version}-py3-none-any.whl",
        project=canonicalize_name(name),
        version=version,
        requires_python=requires_python,
        content=out.getvalue(),
        metadata=metadata,
    )


def make_sdist(
    name: str,
    version: str = "1.0",
    *,
    requires: Sequence[str] = (),
    requires_python: str | None = None,
    payload: int = 0,
) -> BuiltDistribution:
    """
    An sdist that brings its own build backend, so that installing it needs no other.
    """
    module = canonicalize_name(name).replace("-", "_")
    root = f"{module}-{version}"
    metadata = _metadata(name, version, requires, requires_python)
    wheel = make_wheel(
        name, version, requires=requires, requires_python=requires_python
    )
    files = {
        f"{root}/PKG-INFO": metadata,
        f"{root}/pyproject.toml": (
            b'[build-system]\nrequires = []\nbuild-backend = "backend"\n'
            b'backend-path = ["."]\n'
        ),
        f"{root}/backend.py": (
            "import os\n"
            f"NAME = {wheel.filename!r}\n"
            f"CONTENT = {wheel.content!r}\n"
            "def build_wheel(wheel_directory, config=None, metadata_directory=None):\n"
            "    with open(os.path.join(wheel_directory, NAME), 'wb') as f:\n"
            "        f.write(CONTENT)\n"
            "    return NAME\n"
        ).encode(),
    }
    if payload:
        files[f"{root}/payload.bin"] = _noise(f"{name} {version}", payload)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return BuiltDistribution(
        filename=f"{root}.tar.gz",
        project=canonicalize_name(name),
        version=version,
        requires_python=requires_python,
        content=gzip.compress(out.getvalue(), mtime=0),
        metadata=metadata,
    )


def _urlsafe(digest: bytes) -> str:
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def renamed(filename: str, project: str, content: bytes = b"x") -> BuiltDistribution:
    """
    What is a distribution by its name alone.
    """
    return BuiltDistribution(
        filename=filename,
        project=project,
        version="1.0",
        requires_python=None,
        content=content,
        metadata=b"",
    )
