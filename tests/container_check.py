"""packaging/Dockerfile without an engine for containers: every line of it in bare Debian 12 folders, as root.

usage: container_check.py [--model FOLDER] [--bare FOLDER] [--keep FOLDER] [--ccache FOLDER]

Each stage begins as a copy of a bare Debian 12 (--bare, else debootstrap makes one); RUN lines are run inside, COPY
lines copy, and then the container's process serves the model as its user: it must become healthy, answer, and end with
0 at the stop signal. Without --model it is a small one, trained by PALS_BINARY. COPY of the repository takes a clean clone of what is committed. Port 8080 has to be free.
"""

import argparse
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
IMAGES = "debian:12", "debian:12-slim"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PASSED_ON = re.compile(r"(PIP_|CCACHE_|SSL_CERT|REQUESTS_CA|CURL_CA|(https?|no)_proxy$)", re.IGNORECASE)


def instructions(text):
    """(WORD, REST) of each line, continued ones joined."""
    joined = re.sub(r"\\\n", " ", re.sub(r"(?m)^\s*#.*\n", "", text))
    for line in filter(None, map(str.strip, joined.splitlines())):
        word, rest = line.split(None, 1)
        yield word, rest.strip()


class Stage:
    """A root folder, and what its instructions set."""

    def __init__(self, root):
        self.root, self.place, self.user = root, "/", "root"
        self.variables, self.entry, self.words, self.health = {}, [], [], []

    def command(self, *words, extra=()):
        """The mounts that a command needs are its own and end with it."""
        mounts = [("/" + name, "/" + name) for name in ("proc", "sys", "dev")] + list(extra)
        script = "".join(f"mkdir -p {shlex.quote(str(self.root) + there)}; mount --rbind {shlex.quote(str(here))} "
                         f"{shlex.quote(str(self.root) + there)}; " for here, there in mounts)
        inner = f"cd {shlex.quote(self.place)} && exec {shlex.join(words)}"
        root = shlex.quote(str(self.root))
        variables = {"PATH": PATH, "HOME": "/root" if self.user == "root" else "/nonexistent", **self.variables}
        variables.update({name: value for name, value in os.environ.items() if PASSED_ON.match(name)})
        settings = " ".join(shlex.quote(f"{name}={value}") for name, value in variables.items())
        return ["unshare", "--mount", "sh", "-ec",
                f"{script} exec chroot --userspec={self.user} {root} /usr/bin/env -i {settings} "
                f"/bin/sh -c {shlex.quote(inner)}"]


def copy(stages, stage, rest):
    words = shlex.split(rest)
    source = re.match(r"--from=(\S+)", words[0])
    there = pathlib.Path(str(stage.root) + os.path.join(stage.place, words[-1]))
    if source:
        here = str(stages[source.group(1)].root) + words[1]
        shutil.copytree(here, there, symlinks=True)
    else:
        assert words[0] == ".", f"COPY {rest}: only the whole repository is copied"
        subprocess.run(["git", "clone", "--quiet", str(REPOSITORY), str(there)], check=True)
        # A context has its files' owner: git must not refuse the clone inside.
        subprocess.run(["chown", "-R", "root:root", str(there)], check=True)


def build(folder, bare, extra):
    stages, stage = {}, None
    for word, rest in instructions((REPOSITORY / "packaging/Dockerfile").read_text(encoding="utf-8")):
        print(f"{word} {rest}", flush=True)
        if word == "FROM":
            image, *name = re.split(r" AS ", rest, flags=re.IGNORECASE)
            assert image in IMAGES, f"FROM {image}: a Debian 12 is what stands for an image here"
            root = folder / f"stage{len(stages)}"
            subprocess.run(["cp", "-a", str(bare), str(root)], check=True)
            root.chmod(0o755)
            stage = stages[name[0] if name else "last"] = Stage(root)
        elif word == "RUN":
            begun = time.monotonic()
            subprocess.run(stage.command("/bin/sh", "-c", rest, extra=extra), check=True)
            print(f"  done in {time.monotonic() - begun:.0f} s", flush=True)
        elif word == "COPY":
            copy(stages, stage, rest)
        elif word == "WORKDIR":
            stage.place = rest
            (stage.root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
        elif word == "ENV":
            stage.variables.update(pair.split("=", 1) for pair in shlex.split(rest))
        elif word == "USER":
            stage.user = rest
        elif word == "ENTRYPOINT":
            stage.entry = json.loads(rest)
        elif word == "CMD":
            stage.words = json.loads(rest)
        elif word == "HEALTHCHECK":
            stage.health = json.loads(rest[rest.index("CMD ") + 4:])
        elif word == "STOPSIGNAL":
            assert rest == "SIGTERM", rest
        else:
            assert word == "EXPOSE", f"{word}: not known here"
    return stage


def ask(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request("http://127.0.0.1:8080" + path, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def serve(stage, model):
    extra = [(model, "/model")]
    with subprocess.Popen(stage.command(*stage.entry, *stage.words, extra=extra)) as process:
        try:
            for _ in range(60):
                if subprocess.run(stage.command(*stage.health), check=False, capture_output=True).returncode == 0:
                    break
                assert process.poll() is None, "the container's process ended"
                time.sleep(0.5)
            else:
                raise AssertionError("the container is never healthy")
            tasks = [task["name"] for task in ask("/tasks")]
            vector = ask("/embed", {"inputs": "served from a container"})[0]
            assert tasks and len(vector) > 8, (tasks, len(vector))
            user = pathlib.Path(f"/proc/{process.pid}").stat().st_uid
            assert user != 0, "it serves as root"
        finally:
            process.send_signal(signal.SIGTERM)
            status = process.wait(60)
    assert status == 0, f"exit code {status} after SIGTERM"
    print(f"healthy; tasks {', '.join(tasks)}; vectors of {len(vector)}; user {user}; exit code 0 at SIGTERM")


def small_model():
    sys.path.insert(0, str(REPOSITORY / "tests/e2e"))
    import support  # needs PALS_BINARY

    support.PalsTest.setUpClass()
    test = support.PalsTest("setUp")
    test.folder = str(pathlib.Path(test.model).parent)
    return os.path.join(test.train("served", "--max_steps", "10", "--adapter", "pals", tasks="sst,rte"), "final")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="a trained model's folder, to be served")
    parser.add_argument("--bare", help="a bare Debian 12 that can install packages")
    parser.add_argument("--keep", help="where the stages lie afterwards")
    parser.add_argument("--ccache", help="a cache of compiled files to be used")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("container_check.py: only root can change a command's root folder")
    with tempfile.TemporaryDirectory(prefix="pals-container-") as temporary:
        folder = pathlib.Path(arguments.keep or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        bare = arguments.bare
        if not bare:
            bare = folder / "bare"
            subprocess.run(["debootstrap", "--variant=minbase", "--include=ca-certificates", "bookworm", str(bare)],
                           check=True, stdout=subprocess.DEVNULL)
        extra = [(arguments.ccache, "/root/.cache/ccache")] if arguments.ccache else []
        serve(build(folder, bare, extra), os.path.abspath(arguments.model or small_model()))


if __name__ == "__main__":
    main()
