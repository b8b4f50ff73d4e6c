#!/usr/bin/env python3
"""Every symbol that libpals_cuda.so refers to is defined by a library that it may stand on.

  cuda_library_test.py LIBRARY ALLOWED...

ALLOWED are LibTorch's and CUDA's libraries; the C and C++ libraries of the system are allowed besides.
Nothing is loaded, so neither a driver nor the whole of CUDA is needed.
"""

import re
import subprocess
import sys

SYSTEM = re.compile(r"^(GLIBC|GLIBCXX|CXXABI|GCC|OMP|GOMP)_")


def symbols(library, *flags):
    output = subprocess.run(["nm", "-D", *flags, library], check=True, capture_output=True, text=True).stdout
    found = {}
    for line in output.splitlines():
        kind, name = line.split()[-2:]
        found[name] = kind
    return found


def main():
    library, allowed = sys.argv[1], sys.argv[2:]
    own = {name for name in symbols(library, "--defined-only") if not name.startswith("_")}
    if own != {"pals_accelerator"}:
        sys.exit(f"{library} should define pals_accelerator alone, not {sorted(own)}")
    defined = set()
    for other in allowed:
        defined |= {name.split("@")[0] for name in symbols(other, "--defined-only")}
    missing = []
    for name, kind in symbols(library, "--undefined-only").items():
        plain, _, version = name.partition("@")
        if kind == "w" or SYSTEM.match(version.lstrip("@")) or plain in defined:
            continue
        missing.append(name)
    if missing:
        sys.exit("nobody defines:\n  " + "\n  ".join(missing))
    print(f"all symbols resolve: {library}")


if __name__ == "__main__":
    main()
