"""
What is written about the options: their help, and the reference.

    python -m proxypypi.manual > docs/options.rst
"""

from collections.abc import Iterable
from textwrap import fill

from proxypypi.options import OPTIONS, TABLES, Option, variable

_INTRODUCTION = """\
.. Made by "python -m proxypypi.manual". Do not edit.

Options
=======

Each option can stand in four places: on the command line, in the environment, in the
file that ``--config`` or ``PROXYPYPI_CONFIG`` names, or nowhere, and then it has its
default. The command line beats the environment, which beats the file. An option that
can be given more than once replaces all values of a lower place.

``--listen`` says the same as ``--bind`` with ``--port``, and ``[[upstream]]`` the same
as ``--index-url`` with ``--extra-index-url``. They exclude each other where they stand
in one place. A higher place that has any of them replaces them all: with
``PROXYPYPI_BIND=0.0.0.0`` in the environment, ``--port 80`` on the command line listens
on 127.0.0.1 again.

What is unknown, or has a value it cannot have, ends the program with status 1 before it
listens, even if a higher place overrides it.

SECONDS
    600, or 0.5
DURATION
    seconds, or a number with ``s``, ``m``, ``h`` or ``d``: ``7d``, ``1.5h``
repeatable
    on the command line, the option more than once; in the environment, values with
    spaces between them; in the file, an array

In the environment and the file, what is on or off is one of ``true``, ``false``,
``yes``, ``no``, ``1`` and ``0``. Relative paths are relative to the working directory,
and in the file to where the file lies.

Variables that container platforms invent are ignored: ``PROXYPYPI_SERVICE_*``,
``PROXYPYPI_PORT_*``, and a ``PROXYPYPI_PORT`` that starts with ``tcp://`` or
``udp://``. So are, for a service whose name only begins with ours, such as
``proxypypi-web``: ``PROXYPYPI_WEB_SERVICE_HOST``, ``PROXYPYPI_WEB_SERVICE_PORT``, which
may have a name behind it, ``PROXYPYPI_WEB_PORT`` with such an address, and
``PROXYPYPI_WEB_PORT_8000_TCP`` or ``_UDP``, alone or with ``_ADDR``, ``_PORT`` or
``_PROTO`` behind it.
"""

_FILE = """\
The file
--------

It is TOML, with the long names as keys, and tables that no other place can have. Only
``config`` cannot stand in it. What is secret is best kept in a ``password-file``.
"""


def help_of(option: Option) -> str:
    """
    What ``--help`` says of an option, with its unit and default.
    """
    unit = f"{option.kind.unit}; " if option.kind.unit else ""
    again = "; repeatable" if option.repeatable else ""
    return f"{option.doc} [{unit}default: {option.default_shown}{again}]"


def reference() -> str:
    """
    The page of all options, in reStructuredText.
    """
    sections = [_INTRODUCTION, *map(_section, OPTIONS), _FILE]
    for table in TABLES:
        heading = f"``[[{table.name}]]``"
        rows = [_item(key) for key in table.keys]
        sections.append(
            "\n".join([heading, "~" * len(heading), "", fill(table.doc, 88), "", *rows])
        )
    return "\n".join(sections)


def _section(option: Option) -> str:
    unit = f" {option.kind.unit}" if option.kind.unit else ""
    short = [f"-{option.short}"] if option.short else []
    spelled = [*(f"--{name}" for name in option.names), *short]
    heading = ", ".join(f"``{s}{unit}``" for s in spelled)
    places = [f"``{variable(option.name)}``"]
    if option.in_file:
        places.append(f"in the file ``{option.name}``")
    facts = [f"default: {option.default_shown}", *_again(option), *places]
    doc = option.doc.replace("*", "\\*")  # as it is, for --help has no markup
    return f"{heading}\n    {doc}\n\n    {'; '.join(facts)}\n"


def _item(option: Option) -> str:
    facts = [option.kind.unit, *_again(option)]
    said = f"default: {option.default_shown}"
    facts.append("must be given" if option.required else said)
    return f"``{option.name}``\n    {option.doc}\n\n    {'; '.join(facts)}\n"


def _again(option: Option) -> Iterable[str]:
    return ["repeatable"] if option.repeatable else []


if __name__ == "__main__":
    print(reference(), end="")
