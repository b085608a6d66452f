"""
An upstream index over the network, with all that its settings and the environment say.
"""

import os
from collections.abc import Mapping
from typing import Any

from twisted.logger import Logger
from twisted.web.client import HTTPConnectionPool
from twisted.web.iweb import IPolicyForHTTPS

from proxypypi.events import UNHEARD, IEvents
from proxypypi.settings import UpstreamSettings
from proxypypi.upstream.addresses import Endpoints
from proxypypi.upstream.breaker import Connecting
from proxypypi.upstream.client import make_client
from proxypypi.upstream.index import Index
from proxypypi.upstream.keyring import Keyring, read_netrc
from proxypypi.upstream.notes import Notes
from proxypypi.upstream.outbound import Outbound
from proxypypi.upstream.patience import Patience
from proxypypi.upstream.routes import make_agent
from proxypypi.upstream.trust import policy_for
from proxypypi.upstream.urls import origin_of, origins_of

_log = Logger()


def connect_index(
    settings: UpstreamSettings,
    reactor: Any,
    environment: Mapping[str, str] | None = None,
    *,
    policy: IPolicyForHTTPS | None = None,
    patience: Patience | None = None,
    events: IEvents = UNHEARD,
) -> Index:
    """
    An index that is asked over the network. Reads files of certificates and netrc.

    :param environment: says which outbound proxies there are, which certificate
        authorities, and where netrc is; :obj:`None` for that of the process.
    :param policy: which certificates are good; :obj:`None` for what the settings and
        the environment say.
    :param patience: :obj:`None` for the usual one.
    :param events: told how it answers.
    :raises BadSettings: the environment, or a file that it or the settings name, cannot
        be used.
    """
    if environment is None:
        environment = os.environ
    home = origin_of(settings.url)
    outbound = Outbound.of_environment(environment)
    if policy is None:
        policy = policy_for(settings.ca_bundle, environment)
    # Never shared between indexes: who may be connected to depends on the index.
    pool = HTTPConnectionPool(reactor)
    pool.maxPersistentPerHost = 8
    pool.cachedConnectionTimeout = 30
    connecting = Connecting(reactor)
    endpoints = Endpoints(
        reactor,
        home,
        reactor.nameResolver,
        policy,
        outbound=outbound,
        connecting=connecting,
        known={o for text in settings.file_hosts for o in origins_of(text)},
    )
    agent = make_agent(reactor, endpoints, pool)
    logins = read_netrc(environment) if settings.credentials is None else {}
    keyring = Keyring.of(settings, logins)
    notes = Notes(settings.name, events)
    client = make_client(agent, home, keyring, reactor, patience, notes)
    if outbound.proxies:
        _log.info(
            "upstream {name} ({url}) is asked {how}",
            name=settings.name,
            url=settings.url,
            how=f"through the outbound proxy {outbound.proxy_for(home)}"
            if outbound.proxy_for(home)
            else "directly, as NO_PROXY says"
            if home.scheme in outbound.proxies
            else "directly",
        )
    return Index(
        settings.url,
        client,
        settings.missing_status,
        connecting,
        visit=endpoints.visit,
        close=pool.closeCachedConnections,
    )
