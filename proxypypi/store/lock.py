"""
One server a directory.
"""

import fcntl
import os
from pathlib import Path

from attrs import define, field

from proxypypi.errors import DirectoryInUse


@define(eq=False)
class DirectoryLock:
    """
    A lock of the kernel's on a small file, so that it ends with us, however we end.
    """

    _path: Path
    _fd: int | None = field(default=None, init=False)

    @classmethod
    def of(cls, root: Path) -> "DirectoryLock":
        """
        :param root: the directory.
        """
        return cls(root / ".proxypypi" / "lock")

    def acquire(self) -> None:
        """
        :raises DirectoryInUse: another process has it.
        :raises OSError: the file cannot be made.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            owner = os.read(fd, 20).decode("ascii", "replace").strip()
            os.close(fd)
            raise DirectoryInUse(
                directory=str(self._path.parent.parent), pid=owner or "unknown"
            ) from e
        os.ftruncate(fd, 0)
        os.write(fd, f"{os.getpid()}\n".encode())
        self._fd = fd

    def release(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
