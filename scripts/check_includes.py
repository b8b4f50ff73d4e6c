#!/usr/bin/env python3
"""Holds the rooms of src/ to the edges that they state.

Each src/ROOM/CMakeLists.txt says `pals_room(ROOM [TORCH] [ROOMS room...])`. A file of a room may
include headers of its own room and of those rooms; reaching a room only through another one is an
error too, and so is a stated edge that no include uses, so that the statement is the whole truth. A
room without TORCH includes no LibTorch. <pals/x.h> belongs to the room with src/ROOM/pals/x.h.

  check_includes.py [ROOT]      checks the tree (default: the repository), exit status 1 on a violation
  check_includes.py --self-test shows on small trees that violations are found
"""

import pathlib
import re
import sys
import tempfile

SUFFIXES = {".h", ".cpp", ".cu", ".cuh", ".inc"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
TORCH_PREFIXES = ("ATen/", "torch/", "c10/", "caffe2/")
KEYWORDS = {"TORCH", "HIDES", "ROOMS", "LIBS"}


class Room:
    """What one CMakeLists.txt states."""

    def __init__(self, cmake_file):
        text = re.sub(r"#[^\n]*", "", cmake_file.read_text(encoding="utf-8"))
        call = re.search(r"pals_room\s*\(([^)]*)\)", text)
        self.name = cmake_file.parent.name
        # A folder that makes its target by hand is read for the targets that it links.
        self.by_hand = call is None
        self.torch = "pals_use_torch" in text
        self.rooms = set()
        if self.by_hand:
            self.rooms = set(re.findall(r"\bpals_([a-z0-9_]+)\b", text))
            return
        key = None
        for word in call.group(1).split()[1:]:
            if word in KEYWORDS:
                key = word
                self.torch |= word == "TORCH"
            elif key == "ROOMS":
                self.rooms.add(word)


def cycle_in(rooms):
    """A cycle of stated edges as a list of names, or None."""
    state = {}

    def visit(name, path):
        if state.get(name) == "done" or name not in rooms:
            return None
        if name in path:
            return path[path.index(name) :] + [name]
        for other in sorted(rooms[name].rooms):
            found = visit(other, path + [name])
            if found:
                return found
        state[name] = "done"
        return None

    for name in sorted(rooms):
        found = visit(name, [])
        if found:
            return found
    return None


def check(root):
    """All violations below ROOT, one line each."""
    rooms = {file.parent.name: Room(file) for file in sorted(root.glob("src/*/CMakeLists.txt"))}
    problems = []
    for room in rooms.values():
        for other in [] if room.by_hand else sorted(room.rooms - rooms.keys()):
            problems.append(f"src/{room.name}/CMakeLists.txt: there is no room `{other}`")
    cycle = cycle_in(rooms)
    if cycle:
        problems.append("rooms in a circle: " + " -> ".join(cycle))
    used = {name: set() for name in rooms}
    public = {f"pals/{file.name}": file.parent.parent.name for file in root.glob("src/*/pals/*.h")}
    for file in sorted((root / "src").rglob("*")):
        if file.suffix not in SUFFIXES:
            continue
        name = file.relative_to(root / "src").parts[0]
        where = file.relative_to(root)
        if name not in rooms:
            problems.append(f"{where}: the folder src/{name} has no CMakeLists.txt")
            continue
        text = file.read_text(encoding="utf-8")
        for match in INCLUDE.finditer(text):
            line = text.count("\n", 0, match.start(2)) + 1
            target = match.group(2)
            if target.startswith(TORCH_PREFIXES):
                if not rooms[name].torch:
                    problems.append(f"{where}:{line}: {target}: the room `{name}` does without torch")
                continue
            other = public.get(target, target.split("/")[0])
            used[name].add(other)
            if match.group(1) == '"' and "/" not in target:
                problems.append(f"{where}:{line}: {target}: write the path from src/, as in \"{name}/{target}\"")
            elif other in rooms and other != name and other not in rooms[name].rooms:
                problems.append(f"{where}:{line}: {target}: `{name}` states no edge to `{other}`")
    for room in rooms.values():
        for other in [] if room.by_hand else sorted((room.rooms & rooms.keys()) - used[room.name]):
            problems.append(f"src/{room.name}/CMakeLists.txt: no include uses the edge to `{other}`")
    return problems


def self_test():
    """Small trees, each with what must be found in it."""
    base = {"src/low/CMakeLists.txt": "pals_room(low)", "src/low/a.h": "#include <vector>\n"}
    cases = [
        ("clean", {"src/up/CMakeLists.txt": "pals_room(up TORCH ROOMS low LIBS x)",
                   "src/up/b.cpp": '#include "up/b.h"\n#include <ATen/ATen.h>\n#include "low/a.h"\n'}, []),
        ("upward", {"src/up/CMakeLists.txt": "pals_room(up ROOMS low)",
                    "src/up/b.h": '#include "low/a.h"\n',
                    "src/low/c.cpp": '// x\n#include "up/b.h"\n'}, ["src/low/c.cpp:2:"]),
        ("through another", {"src/mid/CMakeLists.txt": "pals_room(mid ROOMS low)",
                             "src/mid/m.h": '#include "low/a.h"\n',
                             "src/up/CMakeLists.txt": "pals_room(up\n  ROOMS mid # low\n)",
                             "src/up/b.cpp": '#include "mid/m.h"\n#include "low/a.h"\n'}, ["src/up/b.cpp:2:"]),
        ("torch", {"src/low/c.cpp": "#include <ATen/ATen.h>\n"}, ["src/low/c.cpp:1:"]),
        ("circle", {"src/low/CMakeLists.txt": "pals_room(low ROOMS up)", "src/low/b.h": '#include "up/b.h"\n',
                    "src/up/CMakeLists.txt": "pals_room(up ROOMS low)", "src/up/b.h": '#include "low/a.h"\n'},
         ["rooms in a circle"]),
        ("unused edge", {"src/up/CMakeLists.txt": "pals_room(up ROOMS low)", "src/up/b.cpp": '#include "up/b.h"\n'},
         ["src/up/CMakeLists.txt: no include uses the edge to `low`"]),
        ("relative", {"src/low/c.cpp": '#include "a.h"\n'}, ["src/low/c.cpp:1:"]),
        ("public header", {"src/low/pals/l.h": "", "src/up/CMakeLists.txt": "pals_room(up)",
                           "src/up/b.cpp": "#include <pals/l.h>\n"}, ["src/up/b.cpp:1:"]),
        ("unknown room", {"src/up/CMakeLists.txt": "pals_room(up ROOMS lwo)"},
         ["src/up/CMakeLists.txt: there is no room"]),
        ("stray folder", {"src/stray/x.h": ""}, ["src/stray/x.h:"]),
    ]
    for title, files, expected in cases:
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, text in {**base, **files}.items():
                path = root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            found = check(root)
            right = len(found) == len(expected) and all(a.startswith(b) for a, b in zip(found, expected))
            assert right, f"{title}: expected {expected}, found {found}"
    print(f"check_includes.py: {len(cases)} self-tests passed")


def main():
    if sys.argv[1:] == ["--self-test"]:
        self_test()
        return 0
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent
    problems = check(root)
    for problem in problems:
        print(problem, file=sys.stderr)
    if not problems:
        print("includes follow the stated edges")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
