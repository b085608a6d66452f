"""
All options, in one table.

The command line, the environment, the file, ``--help`` and the reference are made from
it. A new option is an entry here, and a line in :mod:`proxypypi.config` that puts its
value into the settings.
"""

from proxypypi.options.option import PREFIX, Option, Table, variable
from proxypypi.options.server import EXCLUSIVE, OPTIONS, group_of
from proxypypi.options.tables import EXEMPTION, TABLES, UPSTREAM, USER

__all__ = [
    "EXCLUSIVE",
    "EXEMPTION",
    "OPTIONS",
    "PREFIX",
    "TABLES",
    "UPSTREAM",
    "USER",
    "Option",
    "Table",
    "group_of",
    "variable",
]
