"""
Which credentials are given to whom.
"""

import netrc
from collections.abc import Iterable, Mapping
from pathlib import Path
from stat import S_IROTH

from attrs import field, frozen
from twisted.logger import Logger

from proxypypi.settings import Credentials, UpstreamSettings
from proxypypi.upstream.urls import Origin, origin_of, origins_of

_log = Logger()


@frozen
class Keyring:
    """
    Credentials, by the one origin that they may be sent to.
    """

    _keys: Mapping[Origin, Credentials] = field(factory=dict, repr=False)

    def authorization_for(self, origin: Origin) -> bytes | None:
        """
        :returns: the ``Authorization`` to send; :obj:`None` for none.
        """
        credentials = self._keys.get(origin)
        return None if credentials is None else credentials.basic

    @classmethod
    def of(
        cls, settings: UpstreamSettings, logins: Mapping[str, Credentials]
    ) -> "Keyring":
        """
        Those of the settings, for the index and its file hosts; if there are none,
        those that the user has for each host, and the index's for file hosts without.

        What the index gets by https is not given to a file host by http.

        :param logins: see :func:`read_netrc`.
        """
        home = origin_of(settings.url)
        given = settings.credentials
        main = logins.get(home.host) if given is None else given
        keys = {home: main}
        for text in settings.file_hosts:
            for origin in origins_of(text):
                if (home.scheme, origin.scheme) == ("https", "http"):
                    continue
                own = logins.get(origin.host) if given is None else None
                keys.setdefault(origin, own or main)
        return cls({origin: key for origin, key in keys.items() if key is not None})


def read_netrc(environment: Mapping[str, str]) -> Mapping[str, Credentials]:
    """
    The user's credentials by host, from the file that ``NETRC`` names, or ``~/.netrc``.

    A ``default`` is left out: it is meant for whoever is asked, and there the password
    of no one else belongs. What is wrong with the file is warned of.
    """
    path = _netrc_path(environment)
    if path is None:
        return {}
    try:
        if path.stat().st_mode & S_IROTH:
            _log.warn("{path} holds passwords, and everybody can read it", path=path)
        entries = netrc.netrc(str(path)).hosts
    except netrc.NetrcParseError as e:  # whose message may quote a password
        _log.warn(
            "{path} is not used: it is damaged in line {line}",
            path=path,
            line=e.lineno,
        )
        return {}
    except (OSError, ValueError, LookupError) as e:
        reason = getattr(e, "strerror", None) or "it is no netrc file"
        _log.warn("{path} is not used: {reason}", path=path, reason=reason)
        return {}
    return dict(_logins(entries))


def _logins(
    entries: Mapping[str, tuple[str, str | None, str | None]],
) -> Iterable[tuple[str, Credentials]]:
    for host, (login, _, password) in entries.items():
        if host != "default" and (login or password) and ":" not in (login or ""):
            yield (
                host.lower(),
                Credentials(username=login or "", password=password or ""),
            )


def _netrc_path(environment: Mapping[str, str]) -> Path | None:
    named = environment.get("NETRC")
    if named:
        return Path(named)
    home = environment.get("HOME") or environment.get("USERPROFILE")
    if not home:
        return None
    for name in (".netrc", "_netrc"):
        path = Path(home, name)
        if path.exists():
            return path
    return None
