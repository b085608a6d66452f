"""
nginx in its three parts: the fake upstream, a static server, a caching proxy.
"""

import shutil
import subprocess
from pathlib import Path

from bench.processes import Failed, Process

_MAIN = """
daemon off;
user root;
worker_processes 1;
worker_rlimit_nofile 65536;
pid {state}/nginx.pid;
error_log {state}/error.log warn;
events {{ worker_connections 20000; }}
http {{
    client_body_temp_path {state}/tmp-body;
    proxy_temp_path {state}/tmp-proxy;
    fastcgi_temp_path {state}/tmp-fastcgi;
    uwsgi_temp_path {state}/tmp-uwsgi;
    scgi_temp_path {state}/tmp-scgi;
    sendfile on;
    keepalive_timeout 65;
    keepalive_requests 1000000;
    server_tokens off;
    types {{
        application/vnd.pypi.simple.v1+json json;
        text/html html;
    }}
    default_type application/octet-stream;
    map $http_accept $form {{
        default html;
        "~*^application/vnd\\.pypi\\.simple\\.v1\\+json" json;
    }}
{http}
}}
"""

# The bytes of pages, plain and compressed, lie ready. tcp_nopush is for this alone: a
# cached file of 100 KB takes 20 ms more with it.
_STATIC = """
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        access_log {log};
        tcp_nopush on;
        gzip_static on;
        location = /simple/ {{
            root {pages};
            add_header Vary "Accept, Accept-Encoding";
            try_files /index.$form =404;
        }}
        location ~ "^/simple/(?<project>[^/]+)/$" {{
            root {pages};
            add_header Vary "Accept, Accept-Encoding";
            try_files /$project.$form =404;
        }}
        location /files/ {{ gzip_static off; alias {files}/; }}
    }}
"""

_OPEN_FILES = """
    open_file_cache max=10000 inactive=60s;
    open_file_cache_valid 60s;
"""

# What is posted again and again for a cache of PyPI: pages for ten minutes, with the
# links rewritten; files for good.
_PROXY = """
    proxy_cache_path {state}/cache levels=1:2 keys_zone=pypi:64m max_size=50g
        inactive=30d use_temp_path=off;
    upstream index {{ server {upstream}; keepalive 16; }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        access_log {state}/access.log;
        proxy_cache pypi;
        proxy_cache_key $request_method$uri$form;
        proxy_cache_use_stale error timeout updating
            http_500 http_502 http_503 http_504;
        {lock}
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host {upstream};
        location /simple/ {{
            proxy_pass http://index;
            proxy_set_header Accept-Encoding "";
            proxy_cache_valid 200 10m;
            proxy_cache_valid 404 1m;
            proxy_ignore_headers Vary Cache-Control Expires;
            sub_filter "http://{upstream}/files/" "http://$http_host/files/";
            sub_filter_once off;
            sub_filter_types application/vnd.pypi.simple.v1+json;
            gzip on;
            gzip_proxied any;
            gzip_min_length 1000;
            gzip_types application/vnd.pypi.simple.v1+json;
        }}
        location /files/ {{
            proxy_pass http://index;
            proxy_cache_valid 200 30d;
            proxy_ignore_headers Vary Cache-Control Expires;
        }}
    }}
"""

_LOCK = """proxy_cache_lock on;
        proxy_cache_lock_timeout 300s;
        proxy_cache_lock_age 300s;"""


def program() -> str:
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if found is None:
        raise Failed("there is no nginx: apt-get install nginx-light")
    return found


def version() -> str:
    told = subprocess.run([program(), "-v"], capture_output=True, text=True)
    return told.stderr.strip().rpartition(" ")[2].replace("/", " ")


def serve(state: Path, http: str) -> Process:
    """
    :param http: what stands in the ``http`` block.
    """
    state.mkdir(parents=True, exist_ok=True)
    config = state / "nginx.conf"
    config.write_text(_MAIN.format(state=state, http=http))
    command = [program(), "-e", str(state / "error.log"), "-c", str(config)]
    return Process(command, state / "printed.log")


def static(port: int, pages: Path, files: Path, log: str) -> str:
    """
    :param log: ``off``, or a file.
    """
    return _STATIC.format(port=port, pages=pages, files=files, log=log)


def cached_static(port: int, pages: Path, files: Path) -> str:
    return _OPEN_FILES + static(port, pages, files, "off")


def caching_proxy(port: int, state: Path, upstream: str, lock: bool) -> str:
    """
    :param upstream: host and port.
    """
    return _PROXY.format(
        port=port, state=state, upstream=upstream, lock=_LOCK if lock else ""
    )
