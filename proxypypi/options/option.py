"""
What an option is.
"""

from typing import Any

from attrs import frozen

from proxypypi.errors import BadSettings
from proxypypi.kinds import Kind

PREFIX = "PROXYPYPI_"


@frozen(kw_only=True)
class Option:
    """
    A value that users can set.

    :ivar name: its long name, and its key in the file.
    :ivar doc: one sentence or more, for help and the reference.
    :ivar default: as one would write it; :obj:`None` if there is none.
    :ivar default_said: the default in words; empty to show it as it is.
    :ivar short: its letter on the command line; empty for none.
    :ivar aliases: further long names.
    :ivar repeatable: is it a tuple of values?
    :ivar needs_one: may the tuple not be empty?
    :ivar required: must a table have it?
    :ivar in_file: may it stand in the file?
    """

    name: str
    kind: Kind
    doc: str
    default: str | None = None
    default_said: str = ""
    short: str = ""
    aliases: tuple[str, ...] = ()
    repeatable: bool = False
    needs_one: bool = False
    required: bool = False
    in_file: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *self.aliases)

    def read(self, raw: object) -> Any:
        """
        :param raw: what one place says: a value, or a list of them if it is repeatable.
        :raises BadSettings: that is not allowed.
        """
        if not self.repeatable:
            return self.kind.read(raw)
        if not isinstance(raw, list):
            said, allowed = self.kind.show(raw), self.kind.allowed
            raise BadSettings(reason=f"{said} has to be an array, each {allowed}")
        if self.needs_one and not raw:
            raise BadSettings(reason=f"it is empty; say {self.kind.allowed}")
        return tuple(self.kind.read(item) for item in raw)

    def default_value(self) -> Any:
        """
        :returns: the default as :meth:`read` would; :obj:`None` or empty for none.
        """
        if self.default is None:
            return () if self.repeatable else None
        return self.read([self.default] if self.repeatable else self.default)

    @property
    def default_shown(self) -> str:
        return self.default_said or self.default or "none"


@frozen(kw_only=True)
class Table:
    """
    An array of tables, which only the file can have.

    :ivar name: as in ``[[name]]``.
    :ivar doc: for the reference.
    """

    name: str
    doc: str
    keys: tuple[Option, ...]


def variable(name: str) -> str:
    """
    What an option is called in the environment.
    """
    return PREFIX + name.upper().replace("-", "_")
