"""
What clients are told when something goes wrong.
"""

from html import escape
from http import HTTPStatus

import msgspec
from attrs import field, frozen
from twisted.internet.defer import CancelledError
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.server import Request
from werkzeug.exceptions import HTTPException

from proxypypi import errors
from proxypypi.model import Outcome
from proxypypi.simple.negotiation import ErrorForm, choose_error_form
from proxypypi.web.headers import (
    NEVER_KEEP,
    cache_status,
    header,
    set_headers,
)
from proxypypi.web.ui.frame import POLICY, frame, way_home

_log = Logger()

_CHALLENGE = 'Basic realm="proxypypi", charset="UTF-8"'
_RETRY_AFTER = 2  # seconds
_LONGEST_REASON = 300  # characters of a reason phrase
_OF_THE_ANSWER_IN_VIEW = ("Accept-Ranges", "Content-Range", "ETag", "Last-Modified")

_STATUSES: dict[type[errors.ProxypypiError], int] = {
    errors.BadName: 404,
    errors.BadMoment: 400,
    errors.BadRequest: 400,
    errors.NotAcceptable: 406,
    errors.RangeNotSatisfiable: 416,
    errors.NoSuchProject: 404,
    errors.NoSuchFile: 404,
    errors.NoSuchRelease: 404,
    errors.Quarantined: 403,
    errors.NameDenied: 403,
    errors.NotAllowed: 403,
    errors.NotAuthenticated: 401,
    errors.TooManyLogIns: 503,
    errors.TooManyListeners: 503,
    errors.TooLarge: 413,
    errors.TooSlow: 408,
    errors.NotDoneAnyMore: 410,
    errors.NoRoom: 507,
    errors.TooManyUploads: 503,
    errors.FileExists: 409,
    errors.TooYoung: 403,
    errors.AllTooYoung: 404,
    errors.Withheld: 403,
    errors.UpstreamUnreachable: 503,
    errors.UpstreamTimeout: 503,
    errors.UpstreamError: 502,
    errors.StillFetching: 503,
    errors.TooManyStreams: 503,
    errors.CannotKeep: 503,
    errors.CannotMake: 503,
    errors.Stopping: 503,
}
"""
The nearest class of an error's own ancestry counts.
"""


@frozen
class Problem:
    """
    An error as HTTP has it.

    :ivar detail: one sentence for people; its gist goes into the reason phrase, which
        is all that some clients print.
    """

    status: int
    detail: str
    outcome: Outcome = field(factory=Outcome)
    retry_after: int | None = None
    size: int | None = None
    allow: str | None = None


def problem_of(error: BaseException | None) -> Problem:
    """
    :param error: what a route failed with.
    """
    if isinstance(error, errors.ProxypypiError):
        status = next(_STATUSES[c] for c in type(error).__mro__ if c in _STATUSES)
        outcome = Outcome()
        if isinstance(error, errors.UpstreamError):
            outcome = Outcome(forwarded="miss", status=error.status)
        return Problem(
            status=status,
            detail=str(error),
            outcome=outcome,
            retry_after=_RETRY_AFTER if status in (502, 503) else None,
            size=getattr(error, "size", None),
        )
    if isinstance(error, HTTPException) and error.code is not None:
        methods = sorted(getattr(error, "valid_methods", None) or ())
        detail = "nothing here" if error.code == 404 else error.name.lower()
        if methods:
            detail = f"{detail}: this address takes {' and '.join(methods)}"
            if "POST" not in methods:
                detail += "; packages are published to /legacy/"
        allow = ", ".join(methods) or None
        return Problem(status=error.code, detail=detail, allow=allow)
    return Problem(status=500, detail="an internal error, which has been logged")


def answer_failure(request: Request, failure: Failure) -> bytes:
    """
    Turn a route's failure into its answer.

    :returns: the body.
    """
    if failure.check(CancelledError):
        return b""  # the client has gone
    problem = problem_of(failure.value)
    if problem.status == 500:
        _log.failure("{method} {uri}", failure, method=request.method, uri=request.uri)
    return answer_problem(request, problem)


def answer_problem(request: Request, problem: Problem) -> bytes:
    """
    :returns: the body, in the form that the client likes best (:rfc:`9457`).
    """
    request.setResponseCode(problem.status, _reason(problem))
    form = choose_error_form(header(request, "Accept"))
    body = _body(problem, form, way_home(request))
    for name in _OF_THE_ANSWER_IN_VIEW:
        request.responseHeaders.removeHeader(name)
    set_headers(
        request,
        content_type=form.content_type,
        content_length=str(len(body)),
        content_security_policy=POLICY if form is ErrorForm.HTML else None,
        cache_control=NEVER_KEEP,
        cache_status=cache_status(problem.outcome),
        vary="Accept, Accept-Encoding",
        retry_after=str(problem.retry_after) if problem.retry_after else None,
        content_range=f"bytes */{problem.size}" if problem.size is not None else None,
        allow=problem.allow,
        www_authenticate=_CHALLENGE if problem.status == 401 else None,
    )
    return body


def _reason(problem: Problem) -> bytes:
    """
    The reason phrase: printable ASCII, so that nothing can be smuggled in with it.
    """
    clean = "".join(c if " " <= c <= "~" else "?" for c in problem.detail)
    if len(clean) > _LONGEST_REASON:
        clean = clean[: _LONGEST_REASON - 3] + "..."
    return clean.encode("ascii")


def _body(problem: Problem, form: ErrorForm, home: str) -> bytes:
    title = _title(problem.status)
    if form is ErrorForm.PROBLEM:
        facts = {"title": title, "status": problem.status, "detail": problem.detail}
        return msgspec.json.encode(facts) + b"\n"
    if form is ErrorForm.HTML:
        said = f"{problem.status} {title}"
        content = f"<h1>{said}</h1>\n<p>{escape(problem.detail)}</p>\n"
        return frame(said, content, home=home)
    return f"{problem.status} {title}: {problem.detail}\n".encode()


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
