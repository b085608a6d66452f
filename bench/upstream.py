"""
The fake upstream: nginx with static files, plain and behind a slow link.
"""

import sys
import time
from pathlib import Path

from attrs import define, field

from bench import nginx
from bench.content import Content
from bench.processes import Process, await_answer, free_port

RATE = 20_000_000  # bytes per second
DELAY = 0.05  # seconds
_SHAPER = Path(__file__).with_name("shaper.py")
_SETTLE = 0.3  # seconds until requests that were hung up on are in the log


@define(eq=False)
class Upstream:
    """
    :ivar folder: for its pages and logs.
    """

    content: Content
    folder: Path
    _plain: int = field(factory=free_port, init=False)
    _shaped: int = field(factory=free_port, init=False)
    _processes: list[Process] = field(factory=list, init=False)

    @property
    def plain(self) -> str:
        return f"http://127.0.0.1:{self._plain}"

    @property
    def shaped(self) -> str:
        return f"http://127.0.0.1:{self._shaped}"

    def start(self) -> None:
        behind = free_port()
        http = ""
        for port, base, name in (
            (self._plain, self.plain, "plain"),
            (behind, self.shaped, "shaped"),
        ):
            pages = self.folder / name
            self.content.write_pages(pages, base)
            log = str(self.folder / f"{name}.log")
            http += nginx.static(port, pages, self.content.files, log)
        link = [sys.executable, str(_SHAPER), str(self._shaped), str(behind)]
        link += [str(RATE), str(DELAY)]
        self._processes = [
            nginx.serve(self.folder / "nginx", http),
            Process(link, self.folder / "shaper.log"),
        ]
        for process in self._processes:
            process.start()
        for base in (self.plain, self.shaped):
            await_answer(self._processes, f"{base}/simple/")

    def stop(self) -> None:
        for process in self._processes:
            process.stop()

    def requests(self, path: str) -> int:
        """
        How often a path was asked for, by way of either address.
        """
        time.sleep(_SETTLE)
        return sum(
            f" {path} " in line
            for name in ("plain", "shaped")
            for line in (self.folder / f"{name}.log").read_text().splitlines()
        )
