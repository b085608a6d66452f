"""
What goes wrong on the way to an upstream, put into the words of the field.
"""

from collections.abc import Iterator

from OpenSSL.SSL import Error as TLSError
from service_identity import VerificationError
from twisted.internet.error import (
    ConnectError,
    ConnectionClosed,
    ConnectionRefusedError,
    DNSLookupError,
    NoRouteError,
    TCPTimedOutError,
    TimeoutError,
    UnknownHostError,
)
from twisted.web.client import (
    RequestGenerationFailed,
    RequestTransmissionFailed,
    ResponseFailed,
)

from proxypypi.errors import (
    UpstreamError,
    UpstreamNonsense,
    UpstreamRefusal,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from proxypypi.upstream.addresses import CONNECT_TIMEOUT
from proxypypi.upstream.heads import EndlessHead
from proxypypi.upstream.kinds import AddressRefused
from proxypypi.upstream.replies import status_text
from proxypypi.upstream.tunnel import ProxyFault, ProxyNonsense, ProxyRefusal
from proxypypi.upstream.urls import shown

_WRAPPERS = (ResponseFailed, RequestGenerationFailed, RequestTransmissionFailed)

FAULTS: tuple[type[Exception], ...] = (
    *_WRAPPERS,
    AddressRefused,
    ConnectError,
    ConnectionClosed,
    DNSLookupError,
    ProxyFault,
    TLSError,
    ValueError,  # an address that is none
    VerificationError,
)
"""
What a request can fail with, other than by being cancelled.
"""

CUT = "connection was cut"
DEAD_FOR = 10.0  # seconds after which one that could not be connected to is tried again


def translate(fault: Exception, url: str) -> UpstreamError:
    """
    :param fault: one of :data:`FAULTS`.
    :param url: that was asked.
    """
    where = shown(url)
    causes = list(_causes(fault))
    for cause in causes:
        if isinstance(cause, ProxyFault):
            return _translate_of_proxy(cause.cause, url)
        if isinstance(cause, (AddressRefused, EndlessHead)):
            return UpstreamNonsense(url=where, reason=str(cause))
        if isinstance(cause, (TimeoutError, TCPTimedOutError)):
            silence = f"no connection within {CONNECT_TIMEOUT:.0f} s"
            return UpstreamTimeout(url=where, reason=silence, dead_for=DEAD_FOR)
        reason = _reason(cause)
        if reason is not None:
            dead_for = 0.0 if reason == CUT else DEAD_FOR
            return UpstreamUnreachable(url=where, reason=reason, dead_for=dead_for)
    if isinstance(fault, ResponseFailed):
        return UpstreamNonsense(url=where, reason="the answer is not HTTP")
    return UpstreamNonsense(url=where, reason=f"that is no address: {fault}")


def _translate_of_proxy(cause: Exception, url: str) -> UpstreamError:
    """
    The proxy's status is none of upstream's, and never in the error.
    """
    where = shown(url)
    match cause:
        case ProxyNonsense():
            reason = "the answer of the outbound proxy is not HTTP"
            return UpstreamNonsense(url=where, reason=reason)
        case ProxyRefusal(status=407):
            reason = "the outbound proxy wants other credentials"
            return UpstreamRefusal(url=where, reason=reason)
        case ProxyRefusal(status=status):
            reason = f"the outbound proxy answered {status_text(status)}"
            if status == 504:
                return UpstreamTimeout(url=where, reason=reason)
            if status >= 500:
                return UpstreamUnreachable(url=where, reason=reason)
            return UpstreamRefusal(url=where, reason=reason)
    error = translate(cause, url)
    reason = f"outbound proxy: {error.reason}"
    return type(error)(url=where, reason=reason, dead_for=error.dead_for)


def _reason(cause: BaseException) -> str | None:
    match cause:
        case ConnectionRefusedError():
            return "connection refused"
        case DNSLookupError() | UnknownHostError():
            return "no such host"
        case NoRouteError():
            return "no route to host"
        case VerificationError():
            return "TLS: the certificate is another host's"
        case TLSError():
            return f"TLS: {_tls_reason(cause)}"
        case ConnectionClosed():
            return CUT
        case ConnectError():
            return "no connection"
    return None


def _tls_reason(e: TLSError) -> str:
    """
    OpenSSL keeps a list of (library, function, reason).
    """
    entries = e.args[0] if e.args and isinstance(e.args[0], list) else []
    return "; ".join(entry[2] for entry in entries if entry[2]) or "handshake failed"


def _causes(fault: BaseException) -> Iterator[BaseException]:
    """
    *fault*, or the innermost faults it wraps.
    """
    if not isinstance(fault, _WRAPPERS):
        yield fault
        return
    for failure in fault.reasons:
        yield from _causes(failure.value)
