#!/usr/bin/env python3
"""Times `pals serve`: against `pals predict`, against other servers, too much load, many tasks, the time to start.

  serve.py [PART ...] [options]

  basics     CPU time of a row against `pals predict`'s; one short request against the network alone; 8 tasks mixed
  peers      requests a second against infinity-emb (vectors, labels) and FastAPI with transformers and adapters
  overload   500 connections and twice the load that it can take, for --minutes
  tasks      1,000 LoRA tasks put into one server; 100 of them in every batch
  ready      how long BERT-base takes to start

Without a PART all of them. Models are made in --work from MiniLM and GLUE, once. All servers get their load from
build/bench/http_load, in turns. Prints a table beside the targets, and as its last line the same as JSON.
"""

import argparse
import json
import os
import pathlib
import sys

from serving import parts
from serving.servers import REPOSITORY, say

CACHE = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
PARTS = {"basics": parts.basics, "peers": parts.peers, "overload": parts.overload, "tasks": parts.many_tasks,
         "ready": parts.ready}


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--pals", default=str(REPOSITORY / "build/pals"))
    parser.add_argument("--generator", default=str(REPOSITORY / "build/bench/http_load"))
    parser.add_argument("--minilm", default=CACHE + "/pals/models/all-MiniLM-L6-v2", help="a transformers folder")
    parser.add_argument("--data_dir", default=os.environ.get("PALS_GLUE_DIR"), help="GLUE")
    parser.add_argument("--base_config", default=str(REPOSITORY / "configs/pals_config.json"), help="BERT-base's sizes")
    parser.add_argument("--work", default=CACHE + "/pals/bench-serve", help="where the models are made")
    parser.add_argument("--infinity_python", help="of an environment with infinity-emb[server,torch]")
    parser.add_argument("--fastapi_python", help="of one with fastapi, uvicorn, torch, transformers, adapters")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rows", type=int, default=2000, help="sentences of SST-2")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0, help="of a turn with a time")
    parser.add_argument("--minutes", type=float, default=10.0, help="of too much load")
    parser.add_argument("--lora_tasks", type=int, default=1000)
    arguments = parser.parse_args()
    unknown = [part for part in arguments.parts if part not in PARTS]
    if unknown:
        parser.error(f"unknown part {unknown[0]} (parts: {', '.join(PARTS)})")
    if not arguments.data_dir:
        parser.error("--data_dir or PALS_GLUE_DIR: the folder of GLUE is needed")
    return arguments


def main():
    arguments = parse()
    pathlib.Path(arguments.work).mkdir(parents=True, exist_ok=True)
    rows, facts = [], {}
    for name in arguments.parts or PARTS:
        say("part", name)
        found, more = PARTS[name](arguments)
        rows += found
        facts[name] = more
    width = max(len(row.what) for row in rows)
    print(f"{'':<{width}}  {'measured':>12}  {'target':>12}")
    for row in rows:
        print(f"{row.what:<{width}}  {row.value:>12}  {row.target:>12}")
    print(json.dumps(facts))


if __name__ == "__main__":
    sys.exit(main())
