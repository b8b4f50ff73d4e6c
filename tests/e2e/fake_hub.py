"""A hub of models on this machine, as huggingface.co answers, that can be told to answer wrongly.

Small files come from the hub itself, named by git's sha1; weights from a second server on another port, to which the hub
redirects, named by their sha256.
"""

import hashlib
import json
import os
import re
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def git_sha1(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def is_large(name):
    return name.endswith((".safetensors", ".bin"))


def etag_of(name, content):
    return hashlib.sha256(content).hexdigest() if is_large(name) else git_sha1(content)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.answer()

    def do_GET(self):
        self.answer()

    def answer(self):
        hub, url = self.server.hub, urllib.parse.urlsplit(self.path)  # whole from a proxy's client
        is_cdn = url.port == hub.servers[1].server_port if url.netloc else self.server is hub.servers[1]
        server = "cdn" if is_cdn else "hub"
        path = urllib.parse.unquote(url.path)
        if path.startswith("/api/"):
            key = "api"
        else:
            key = f"{self.command.lower()} {path.rsplit('/', 1)[1]}"
        with hub.guard:
            hub.requests.append((server, key, dict(self.headers), self.path))
            faults = hub.faults.get(key, [])
            fault = faults[0] if faults else None
            if faults and not hub.for_ever:
                faults.pop(0)
        try:
            self.answer_with(hub, server, path, fault)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def answer_with(self, hub, server, path, fault):
        if isinstance(fault, int):
            return self.send(fault, b"{}", **({"Retry-After": "1"} if fault == 429 else {}))
        if isinstance(fault, str) and "://" in fault:
            return self.send(302, b"", Location=fault)
        if path.startswith("/api/models/"):
            name, revision = re.fullmatch(r"/api/models/([^/]+/[^/]+)/revision/(.+)", path).groups()
            if name != hub.name or revision not in ("main", hub.commit):
                return self.send(404, b"{}")
            siblings = [{"rfilename": file} for file in list(hub.files) + hub.more_names]
            answer = {"id": name, "modelId": name, "sha": hub.commit, "siblings": siblings, "private": False, "tags": [],
                      "downloads": 0}
            return self.send(200, json.dumps(answer).encode(), **{"Content-Type": "application/json"})
        name = path.split(hub.commit + "/", 1)[1]
        content = hub.files.get(name)
        if content is None:
            return self.send(404, b"{}")
        facts = {"X-Repo-Commit": hub.commit, "ETag": f'"{etag_of(name, content)}"', **hub.facts}
        if server == "hub" and is_large(name):
            facts = {"X-Linked-Etag": facts["ETag"], "X-Linked-Size": str(len(content)), **facts, "ETag": '"other"'}
            return self.send(302, b"", Location=f"{hub.url(1)}{path}", **facts)
        return self.send_content(content, fault, facts)

    def send(self, status, content, **fields):
        self.send_response(status)
        for field, value in fields.items():
            self.send_header(field, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def send_content(self, content, fault, fields):
        size, start = len(content), 0
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if match and fault != "no range":
            start = int(match.group(1))
        if fault == "wrong":
            content = content[:size // 2] + bytes([content[size // 2] ^ 1]) + content[size // 2 + 1:]
        rest = content[start:]
        length = {"short": len(rest) - 10, "long": len(rest) + 10}.get(fault, len(rest))
        self.send_response(206 if start else 200)
        for field, value in fields.items():
            self.send_header(field, value)
        if start:
            first = 0 if fault == "other range" else start
            self.send_header("Content-Range", f"bytes {first}-{size - 1}/{size}")
        if fault == "endless":
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command == "HEAD":
            return
        if fault in ("cut", "stall"):
            self.wfile.write(rest[:len(rest) // 2])
            self.wfile.flush()
            if fault == "stall":
                self.server.hub.stopped.wait(20)
            self.close_connection = True
        elif fault == "endless":
            for _ in range(1000):
                self.wfile.write(content)
        else:
            self.wfile.write(rest[:length])
            self.close_connection = fault == "long"


class FakeHub:
    """One model, `name` at `commit`, of `files`. `faults`: what is wrong with the next answers to "api", "head FILE" or
    "get FILE": a status, a URL to redirect to, "cut", "stall", "wrong", "short", "long", "endless", "no range", "other range";
    with `for_ever` the first of them with all answers. `facts`: headers that replace others. `requests`: (server, key, headers,
    path) of what was asked."""

    def __init__(self, name="some/model", files=None):
        self.name, self.files, self.commit = name, dict(files or {}), "0123456789abcdef" * 2 + "01234567"
        self.faults, self.for_ever, self.facts, self.more_names, self.requests = {}, False, {}, [], []
        self.guard, self.stopped = threading.Lock(), threading.Event()
        self.servers = [ThreadingHTTPServer(("127.0.0.1", 0), Handler) for _ in range(2)]
        for server in self.servers:
            server.hub, server.daemon_threads = self, True
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def url(self, number=0):
        return f"http://127.0.0.1:{self.servers[number].server_address[1]}"

    def add_folder(self, folder):
        for above, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(above, name)
                with open(path, "rb") as stream:
                    self.files[os.path.relpath(path, folder)] = stream.read()

    def keys(self):
        with self.guard:
            return [request[1] for request in self.requests]

    def forget(self):
        with self.guard:
            self.requests.clear()

    def wait_for(self, key, seconds=30.0):
        end = time.monotonic() + seconds
        while key not in self.keys():
            assert time.monotonic() < end, f"nobody asked for {key}"
            time.sleep(0.02)

    def close(self):
        self.stopped.set()
        for server in self.servers:
            server.shutdown()
            server.server_close()
