"""
Who asks.
"""

from fnmatch import fnmatchcase

from attrs import frozen

from proxypypi.names import NormalizedName


@frozen(kw_only=True)
class User:
    """
    Who asks, as far as that decides what may be done.

    :ivar name: for the log; empty for somebody unknown.
    :ivar may_read: pages and files, where not everybody may.
    :ivar may_upload: distributions of :attr:`projects`.
    :ivar may_administer: refresh pages, and have files fetched.
    :ivar projects: globs of normalized names; empty for all that no upstream has.
    :ivar on_behalf_of: who may upload no less; :obj:`None` for nobody else.
    """

    name: str = ""
    may_read: bool = False
    may_upload: bool = False
    may_administer: bool = False
    projects: tuple[str, ...] = ()
    on_behalf_of: "User | None" = None

    def may_publish(self, project: NormalizedName, *, upstream_has: bool) -> bool:
        """
        A project that an upstream has, too, must be named.
        """
        other = self.on_behalf_of
        if other is not None and not other.may_publish(
            project, upstream_has=upstream_has
        ):
            return False
        if not self.may_upload:
            return False
        if not self.projects:
            return not upstream_has
        return any(fnmatchcase(project, glob) for glob in self.projects)
