"""packaging/nginx.conf in front of two instances of `pals serve`, one of which is killed under load."""

import concurrent.futures
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time
import unittest

from support import PalsTest
from test_serve import REPOSITORY, REVIEWS, Server


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@unittest.skipUnless(shutil.which("nginx") and shutil.which("openssl"), "needs nginx and openssl")
class Proxy(PalsTest):
    def start_nginx(self, ports):
        """nginx with the packaged configuration: its port, its certificate and its process."""
        port, certificate, key = free_port(), self.path("pals.pem"), self.path("pals.key")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=pals.example",
                        "-addext", "subjectAltName=DNS:pals.example", "-days", "2", "-keyout", key, "-out", certificate],
                       check=True, stderr=subprocess.DEVNULL)
        packaged = (REPOSITORY / "packaging/nginx.conf").read_text(encoding="utf-8")
        for old, new in ("8081", str(ports[0])), ("8082", str(ports[1])), ("listen 443", "listen 127.0.0.1:%d" % port), \
                ("/etc/ssl/certs/pals.pem", certificate), ("/etc/ssl/private/pals.key", key):
            self.assertIn(old, packaged)
            packaged = packaged.replace(old, new)
        temporary = "".join("%s_temp_path %s;\n" % (name, self.path(name))
                            for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        pathlib.Path(self.path("nginx.conf")).write_text(
            "daemon off;\nmaster_process off;\npid %s;\nerror_log %s;\nevents {}\nhttp {\naccess_log off;\n%s%s}\n" %
            (self.path("nginx.pid"), self.path("nginx.log"), temporary, packaged), encoding="utf-8")
        os.chmod(self.folder, 0o755)
        process = subprocess.Popen(["nginx", "-p", self.folder, "-c", self.path("nginx.conf"), "-e", self.path("nginx.log")])
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        for _ in range(400):
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", port)) == 0:
                    return port, certificate
            time.sleep(0.05)
        self.fail("nginx did not start")
        return None

    def test_one_instance_is_killed_under_load(self):
        killed = []

        def client(number):
            context = ssl.create_default_context(cafile=certificate)
            statuses = []
            connection = None
            for turn in range(60):
                if connection is None:
                    raw = socket.create_connection(("127.0.0.1", port))
                    connection = http.client.HTTPConnection("pals.example")
                    connection.sock = context.wrap_socket(raw, server_hostname="pals.example")
                body = {"inputs": REVIEWS[(number + turn) % len(REVIEWS)], "task": "reviews"}
                connection.request("POST", "/predict", json.dumps(body))
                response = connection.getresponse()
                response.read()
                statuses.append(response.status)
                if number == 0 and turn == 20:
                    one.stop(signal.SIGKILL)
                    killed.append(turn)
                if response.will_close:
                    connection = None
            return statuses

        with Server(self) as one, Server(self) as two:
            port, certificate = self.start_nginx([one.port, two.port])
            with concurrent.futures.ThreadPoolExecutor(6) as pool:
                statuses = [status for own in pool.map(client, range(6)) for status in own]
            counts = re.search(r"^te_request_success\{method=\"predict\"\} (\d+)$", two.ask("GET", "/metrics")[2], re.M)
        self.assertEqual(killed, [20])
        self.assertEqual(statuses, [200] * 360)
        self.assertGreater(int(counts.group(1)), 180)


if __name__ == "__main__":
    unittest.main()
