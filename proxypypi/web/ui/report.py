"""
What the server does, on a page. What is in it comes from outside, and is text.
"""

from collections.abc import Iterable, Iterator
from html import escape
from urllib.parse import quote

from proxypypi.events import METRICS
from proxypypi.model import Fetching, NewFile, Overview, SharedName, UpstreamNow
from proxypypi.quantities import amount, plural
from proxypypi.rules.balance import failures

_NOT_YET = '<p class="soft">The disk has not said yet.</p>'
_NOTHING = "&ndash;"
_KINDS = {
    "hit": "hit",
    **dict.fromkeys(("stale", "refreshed"), "old"),
    **dict.fromkeys(("miss", "collapsed"), "wait"),
    **dict.fromkeys(("done", "4xx"), "plain"),
    **dict.fromkeys(("5xx", "cut"), "fail"),
}
_DOCS = {metric.name.replace("_", "-"): metric.doc for metric in METRICS}


def health(overview: Overview) -> str:
    """
    Is all well? In a word or two.
    """
    is_bad = overview.troubles or overview.others_degraded
    kind, said = ("bad", "Degraded") if is_bad else ("good", "All is well")
    return f'<span id="health" class="pill {kind}">{said}</span>\n'


def report(overview: Overview) -> str:
    """
    :returns: one element after the other, each with a name of its own, which becomes
        another one only if something in it does.
    """
    return "".join(
        _section(name, title, content)
        for name, title, content in (
            ("troubles", "", _troubles(overview)),
            ("shared", "", _shared(overview.shared)),
            ("totals", "What it does", _totals(overview)),
            ("upstreams", "Indexes", _upstreams(overview.upstreams)),
            ("fetching", "On their way", _fetching(overview)),
            ("private", "Newest private files", _private(overview.private)),
            ("counts", "Counted, too", _counts(overview.counts)),
        )
    )


def _section(name: str, title: str, content: str) -> str:
    if not content:
        return f'<section id="{name}"></section>\n'
    heading = f"<h2>{title}</h2>\n" if title else ""
    return f'<section id="{name}">\n{heading}{content}\n</section>\n'


def _troubles(overview: Overview) -> str:
    said = [escape(trouble) for trouble in overview.troubles]
    if overview.others_degraded:
        others = plural(overview.others_degraded, "other worker")
        said.append(f"Degraded: {others}, by the same or not. The log says why.")
    if not said:
        return ""
    return f'<ul class="alarm">{"".join(f"<li>{each}</li>" for each in said)}</ul>'


def _totals(overview: Overview) -> str:
    ratio = overview.hits_ratio
    tiles = (
        ("from here", _NOTHING if ratio is None else f"{ratio:.1%}"),
        ("requests", f"{sum(overview.requests.values()):,}"),
        ("sent", amount(overview.sent_bytes)),
        ("saved", amount(overview.saved_bytes)),
        ("fetched", amount(overview.fetched_bytes)),
    )
    shown = "".join(f"<div><dt>{dt}</dt><dd>{dd}</dd></div>" for dt, dd in tiles)
    since = overview.counted_since
    said = "Nothing is counted yet." if since is None else f"Since {_time(since)}."
    return f'<dl class="tiles">{shown}</dl>\n{_bar(overview)}<p class="soft">{said}</p>'


def _bar(overview: Overview) -> str:
    """
    How requests were answered, each kind of answer as wide as there were many.
    """
    count = sum(overview.requests.values())
    if not count:
        return ""
    parts, legend, start = "", "", 0.0
    for result, n in overview.requests.items():
        kind, width = _KINDS[result], 100 * n / count
        parts += f'<rect class="{kind}" x="{start:.2f}" width="{width:.2f}"/>'
        legend += f'<li class="{kind}">{result} <b>{n:,}</b></li>'
        start += width
    return (
        '<svg class="bar" viewBox="0 0 100 1" preserveAspectRatio="none" '
        f'aria-hidden="true">{parts}</svg>\n<ul class="legend">{legend}</ul>\n'
    )


def _upstreams(upstreams: Iterable[UpstreamNow]) -> str:
    rows = [
        (
            f"<b>{escape(each.name)}</b><br>"
            f'<span class="soft">{escape(each.url)}</span>',
            _state(each),
            _listed(each.lately),
        )
        for each in upstreams
    ]
    if not rows:
        return '<p class="soft">None is asked: what is in the directory is all.</p>'
    return _table(("", "Now", "Its answers of the last 10 minutes"), rows)


def _state(upstream: UpstreamNow) -> str:
    failed = sum(failures(upstream.lately).values())
    if upstream.shut:
        kind, said = "bad", "not asked for some seconds"
    elif not upstream.lately:
        kind, said = "soft", "not asked lately"
    elif failed == sum(upstream.lately.values()):
        kind, said = "bad", "fails"
    else:
        kind, said = ("bad", "fails at times") if failed else ("good", "answers")
    return f'<span class="{kind}">{said}</span>'


def _fetching(overview: Overview) -> str:
    rows = [
        (
            escape(each.filename),
            _project(each.project),
            _progress(each),
            _for(each, overview),
        )
        for each in overview.fetching
    ]
    if not rows:
        return '<p class="soft">No file is being fetched.</p>'
    more = overview.fetching_count - len(rows)
    said = f'\n<p class="soft">And {more:,} more.</p>' if more else ""
    return _table(("", "Project", "So far", "For"), rows) + said


def _progress(file: Fetching) -> str:
    if not file.size:
        return amount(file.got)
    bar = f'<progress max="{file.size}" value="{min(file.got, file.size)}"></progress>'
    return f"{bar}{amount(file.got)} of {amount(file.size)}"


def _for(file: Fetching, overview: Overview) -> str:
    """
    Who waits for it. Of others' clients nobody here knows.
    """
    if file.waiting is None:
        return "another process"
    if overview.processes > 1:
        return f"{plural(file.waiting, 'client')} of this worker"
    return plural(file.waiting, "client") if file.waiting else "the directory"


def _shared(shared: Iterable[SharedName] | None) -> str:
    said = "".join(
        f"<li><b>{_project(each.project)}</b> has private files, and is at "
        f"{escape(each.index)}, too: files of both are listed, and anybody may own it "
        f"there. <code>proxypypi claim {escape(each.project)}</code> has yours listed "
        "alone.</li>"
        for each in shared or ()
    )
    return f'<ul class="alarm">{said}</ul>' if said else ""


def _private(files: Iterable[NewFile] | None) -> str:
    if files is None:
        return _NOT_YET
    rows = [
        (escape(each.filename), _project(each.project), _time(each.seen_at))
        for each in files
    ]
    if not rows:
        return '<p class="soft">None.</p>'
    return _table(("", "Project", "Since"), rows)


def _counts(counts: dict[str, int]) -> str:
    rows = [(escape(_DOCS[name]), f"{count:,}") for name, count in counts.items()]
    return _table((), rows) if rows else ""


def _project(name: str) -> str:
    return f'<a href="simple/{escape(quote(name, safe=""))}/">{escape(name)}</a>'


def _time(moment: str) -> str:
    """
    :param moment: as :rfc:`3339` has it, in UTC.
    """
    said = moment[:16].replace("T", " ")
    return f'<time datetime="{escape(moment)}">{escape(said)} UTC</time>'


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{what} <b>{n:,}</b>" for what, n in counts.items()) or _NOTHING


def _table(titles: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    def lines() -> Iterator[str]:
        head = "".join(f"<th>{title}</th>" for title in titles)
        if head:
            yield f"<thead><tr>{head}</tr></thead>"
        for row in rows:
            yield f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>"

    return "<table>\n" + "\n".join(lines()) + "\n</table>"
