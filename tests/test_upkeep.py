"""
Tests for :mod:`proxypypi.upkeep`: which projects' files could be fetched again.
"""

from proxypypi.names import normalize
from proxypypi.rules.eviction import Kind
from proxypypi.settings import UpstreamSettings
from proxypypi.store.claims import ClaimStore
from tests.eviction_case import HERE, StockTestCase
from tests.proxy_case import INDEX_URL


class AskedTests(StockTestCase):
    def test_settings(self) -> None:
        """
        Files count as the last there are if the index that they came from may not be
        asked for them any more: another of the same name would be another's.
        """
        others = UpstreamSettings.from_url(INDEX_URL, projects=("!demo",))
        moved = UpstreamSettings.from_url("http://mirror.example/simple/")
        for kind, eviction in (
            (Kind.LAST, self.eviction(upstreams=())),
            (Kind.LAST, self.eviction(upstreams=(others,))),
            (Kind.CACHED, self.eviction(upstreams=(others, HERE))),
            (Kind.CACHED, self.eviction(upstreams=(moved, HERE))),
            (Kind.LAST, self.eviction(upstreams=(moved,))),
            (Kind.LAST, self.eviction(upstreams=(moved, others))),
            (Kind.LAST, self.eviction(private=("d*",))),
            (Kind.CACHED, self.eviction(private=("e*",))),
        ):
            self.check_kinds(*[kind] * 3, eviction=eviction)

    def test_moved(self) -> None:
        """
        They count as an index's from when its page lists the very same.
        """
        moved = UpstreamSettings.from_url("http://mirror.example/simple/")
        self.start_proxy(upstreams=(moved,))
        self.get("/simple/demo/")
        self.check_kinds(*[Kind.CACHED] * 3, eviction=self.eviction(upstreams=(moved,)))
        self.check_kinds(*[Kind.LAST] * 3)

    def test_claimed(self) -> None:
        """
        So do those of a claimed project.
        """
        ClaimStore.of(self.directory).claim(normalize("demo"), 1.0, "a test")
        self.check_kinds(*[Kind.LAST] * 3)

    def test_claims_that_cannot_be_read(self) -> None:
        """
        Where that cannot be known, all are.
        """
        claims = self.directory / ".proxypypi" / "decisions" / "claims"
        claims.symlink_to(claims)
        self.check_kinds(*[Kind.LAST] * 3)
