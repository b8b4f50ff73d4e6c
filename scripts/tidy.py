#!/usr/bin/env python3
"""Runs clang-tidy over src/, skipping those that passed in exactly this state before.

  tidy.py BUILD [--budget SECONDS] [--all]

BUILD is a configured folder with compile_commands.json. Files of rooms without torch are looked at for up to
twice the budget of time, those first that the last commits or the working tree changed. The others, which take 20 s
of processor time each, are looked at when the last commit or the working tree changed them, and only until the budget
is spent. --all: every file, whatever it takes. What passed is remembered in ${XDG_CACHE_HOME:-~/.cache}/pals/tidy by the contents of the file and of all it includes.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TIDY = "clang-tidy-14"
# Tests prefer the short way to the fast one, and use sizes that look wrong on purpose.
NOT_IN_TESTS = ("performance-*", "bugprone-string-constructor", "bugprone-implicit-widening-of-multiplication-result")
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)


def state_of(path, command, seen=None):
    """A hash of everything of ours that clang-tidy's verdict on a file depends on."""
    top = seen is None
    seen = seen if seen is not None else {}
    if path not in seen:
        text = path.read_text(encoding="utf-8", errors="replace")
        seen[path] = hashlib.sha256(text.encode()).hexdigest()
        for name in INCLUDE.findall(text):
            for folder in (path.parent, ROOT / "src", ROOT):
                if (folder / name).is_file():
                    state_of((folder / name).resolve(), command, seen)
                    break
    if not top:
        return None
    # Our own options count, not where the checkout or LibTorch lies.
    flags = " ".join(flag for flag in command.split() if flag.startswith(("-std", "-W", "-f", "-m")))
    rules = (ROOT / ".clang-tidy").read_text(encoding="utf-8")
    parts = [TIDY, *NOT_IN_TESTS, rules, flags] + [f"{file.relative_to(ROOT)} {digest}" for file, digest in sorted(seen.items())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def changed_files(commits):
    """Files that the last commits or the working tree changed; none where there is no git."""
    names = set()
    if shutil.which("git") is None:
        return names
    for command in (["diff", "--name-only", f"HEAD~{commits}"], ["ls-files", "--others", "--exclude-standard"]):
        answer = subprocess.run(["git", "-C", ROOT, *command], capture_output=True, text=True, check=False)
        names.update(answer.stdout.split("\n"))
    return {(ROOT / name).resolve() for name in names if name}


def run_tidy(build, path):
    # clang has no omp.h of its own; ATen includes it when OpenMP is on.
    command = [TIDY, "--quiet", "-p", str(build), "--extra-arg=-fno-openmp",
               "--extra-arg=-Wno-unknown-warning-option"]
    if path.name.endswith("_test.cpp"):
        command.append("--checks=" + ",".join("-" + check for check in NOT_IN_TESTS))
    command.append(str(path))
    answer = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    return answer.returncode == 0, answer.stdout + ("" if answer.returncode == 0 else answer.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--budget", type=float, default=120, help="seconds for the rooms with torch, twice as many for the others (default: 120)")
    parser.add_argument("--all", action="store_true", help="every file, whatever it takes")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments = parser.parse_args()

    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "pals" / "tidy"
    cache.mkdir(parents=True, exist_ok=True)
    plain, torch, known = [], [], 0
    changed, lately = changed_files(1), changed_files(30)
    for entry in json.loads((arguments.build / "compile_commands.json").read_text(encoding="utf-8")):
        path = pathlib.Path(entry["file"]).resolve()
        if ROOT / "src" not in path.parents:
            continue
        stamp = cache / state_of(path, entry["command"])
        if stamp.exists():
            known += 1
            continue
        needs_torch = "libtorch" in entry["command"] or "/torch/include" in entry["command"]
        if not needs_torch:
            plain.append((path, stamp))
        elif arguments.all or path in changed:
            torch.append((path, stamp))
    print(
        f"clang-tidy: {known} files are as they passed before; now {len(plain)} without torch, {len(torch)} with",
        flush=True,
    )

    plain.sort(key=lambda item: item[0] not in lately)
    forever = float("inf")
    failed, late = [], []

    def one(path, stamp, until):
        if time.monotonic() > until:
            late.append(path)
            return
        passed, text = run_tidy(arguments.build, path)
        if passed:
            stamp.touch()
        else:
            failed.append(path)
            print(f"{path.relative_to(ROOT)}:\n{text}", flush=True)

    for group, budget in ((plain, 2 * arguments.budget), (torch, arguments.budget)):
        with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
            until = forever if arguments.all else time.monotonic() + budget
            list(pool.map(lambda item, until=until: one(*item, until), group))
    if late:
        print(f"clang-tidy: time is up; {len(late)} files left for the next run")
    print(f"clang-tidy: {len(failed)} files with findings")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
