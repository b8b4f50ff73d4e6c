#!/usr/bin/env python3
"""Time and memory of `pals convert` on a checkpoint of BERT-base's size (438 MB) in each format.

    bench/convert.py --build build [--folder FOLDER] [--python PYTHON_WITH_TORCH]

Makes random weights in a temporary folder below FOLDER and removes it at the end. With a Python that has torch the
PyTorch format before 1.6 is measured as well. Each row: seconds of wall clock, seconds of CPU, largest resident
memory in MB, which includes pages of the mapped files.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time

LEGACY = "import sys, torch; torch.save(torch.load(sys.argv[1]), sys.argv[2], _use_new_zipfile_serialization=False)"


def measure(pals, source, target):
    start = time.monotonic()
    process = subprocess.Popen([pals, "convert", source, target], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"convert.py: {source} to {target} failed")
    return time.monotonic() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("--folder", default=None)
    parser.add_argument("--python", default=None)
    arguments = parser.parse_args()
    pals = os.path.join(arguments.build, "pals")
    root = tempfile.mkdtemp(prefix="pals-bench-convert-", dir=arguments.folder)

    def path(*parts):
        return os.path.join(root, *parts)

    try:
        subprocess.run([os.path.join(arguments.build, "bench/make_checkpoint"), path("tf")], check=True)
        rows = [("TensorFlow", "PyTorch", path("tf/bert_model.ckpt"), path("tf/model.bin")),
                ("TensorFlow", "folder", path("tf/bert_model.ckpt"), path("folder")),
                ("folder", "PyTorch", path("folder"), path("tf/again.bin")),
                ("PyTorch", "safetensors", path("tf/model.bin"), path("tf/model.safetensors")),
                ("PyTorch", "folder", path("tf/model.bin"), path("folder2")),
                ("safetensors", "PyTorch", path("tf/model.safetensors"), path("tf/last.bin"))]
        print(f"{'from':<12} {'to':<12} {'wall s':>7} {'cpu s':>7} {'MB':>6}")
        for source_format, target_format, source, target in rows:
            print(f"{source_format:<12} {target_format:<12} %7.2f %7.2f %6.0f" % measure(pals, source, target), flush=True)
        if arguments.python:
            subprocess.run([arguments.python, "-c", LEGACY, path("tf/model.bin"), path("tf/legacy.bin")], check=True)
            print(f"{'PyTorch <1.6':<12} {'folder':<12} %7.2f %7.2f %6.0f" %
                  measure(pals, path("tf/legacy.bin"), path("folder3")))
    finally:
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
