#!/usr/bin/env python3
"""Holds the tables of options in docs/ to the program's descriptions of its options.

  option_tables.py [--write] [PALS]   PALS: the program (default: build/pals)

A page has a table between `<!-- options COMMAND: NAME -->` and `<!-- end -->`; `pals option_tables COMMAND`
prints them all. Without --write a table that is out of date is named and the exit status is 1.
"""

import pathlib
import re
import subprocess
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"<!-- options ([\w-]+): ([^\n]*) -->\n.*?<!-- end -->\n", re.DOTALL)


def blocks_of(pals, command):
    """The tables of a command: name -> text with its comments."""
    text = subprocess.run([pals, "option_tables", command], stdout=subprocess.PIPE, text=True, check=True).stdout
    return {match.group(2): match.group(0) for match in BLOCK.finditer(text)}


def renewed(page_text, pals):
    """The page with its tables as the program prints them; KeyError for one that it does not print."""
    return BLOCK.sub(lambda match: blocks_of(pals, match.group(1))[match.group(2)], page_text)


def main():
    arguments = sys.argv[1:]
    write = "--write" in arguments
    names = [argument for argument in arguments if argument != "--write"]
    pals = names[0] if names else str(REPOSITORY / "build/pals")
    stale = []
    for page in sorted((REPOSITORY / "docs").glob("*.md")):
        old = page.read_text(encoding="utf-8")
        new = renewed(old, pals)
        if new == old:
            continue
        stale.append(page.name)
        if write:
            page.write_text(new, encoding="utf-8")
    for name in stale:
        print(f"docs/{name}: {'tables written' if write else 'out of date; run scripts/option_tables.py --write'}")
    return 1 if stale and not write else 0


if __name__ == "__main__":
    sys.exit(main())
