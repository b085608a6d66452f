"""
What a daemon leaves beside its pid file, for those who deal with it.
"""

import json
from pathlib import Path

from attrs import asdict, frozen


@frozen(kw_only=True)
class State:
    """
    What a daemon leaves beside its pid file.

    :ivar addresses: where it listens, such as ``http://127.0.0.1:8000`` or
        ``unix:/run/p.sock``.
    :ivar drain: seconds it may take to end.
    :ivar stopping: has it begun to?
    """

    pid: int
    addresses: tuple[str, ...]
    drain: float
    stopping: bool = False

    @classmethod
    def load(cls, pid_file: Path, pid: int) -> "State | None":
        """
        :returns: :obj:`None` if it is missing, damaged, or of another daemon.
        """
        try:
            said = json.loads(beside(pid_file).read_bytes())
            state = cls(
                pid=int(said["pid"]),
                addresses=tuple(map(str, said["addresses"])),
                drain=float(said["drain"]),
                stopping=bool(said["stopping"]),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return state if state.pid == pid else None

    def save(self, pid_file: Path) -> None:
        """
        Write it; a reader sees the old one or the new one.
        """
        path = beside(pid_file)
        temporary = path.with_name(f".{path.name}.{self.pid}")
        temporary.write_text(json.dumps({"version": 1} | asdict(self)) + "\n")
        temporary.replace(path)


def beside(pid_file: Path) -> Path:
    """
    :returns: where it lies.
    """
    return pid_file.with_name(pid_file.name + ".json")
