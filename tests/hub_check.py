"""Checks that `pals` and huggingface_hub share one cache of models.

Run with a Python that has huggingface_hub:
    python tests/hub_check.py --pals build/pals
Both fetch a small random model from a hub on this machine (tests/e2e/fake_hub.py), each into a cache of its own; then each must open
the other's without a request, and go on with what the other one began.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "e2e"))
NAME, FILES = "some/model", {"config.json", "model.safetensors", "tokenizer_config.json", "vocab.txt"}
# In a process of its own, since huggingface_hub reads the environment as it is imported.
SNAPSHOT = """
import sys
from huggingface_hub import scan_cache_dir, snapshot_download
folder = snapshot_download("some/model", local_files_only=sys.argv[1] == "offline")
repository, = scan_cache_dir().repos
assert not scan_cache_dir().warnings, scan_cache_dir().warnings
assert {ref for revision in repository.revisions for ref in revision.refs} == {"main"}
print(folder)
"""


def check(condition, message):
    if not condition:
        sys.exit(f"hub_check: {message}")


def run(command, cache, url, offline=False):
    environment = dict(os.environ, HF_ENDPOINT=url, HF_HUB_CACHE=str(cache), HF_HUB_OFFLINE="1" if offline else "0",
                       HF_HUB_DISABLE_PROGRESS_BARS="1", HF_HUB_DISABLE_TELEMETRY="1", NO_PROXY="127.0.0.1")
    result = subprocess.run([str(word) for word in command], text=True, check=False, input="good word1\n", env=environment,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
    check(result.returncode == 0, f"{command}: exit code {result.returncode}: {result.stderr[-2000:]}")
    return result.stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pals", required=True)
    pals = os.path.abspath(parser.parse_args().pals)
    os.environ["PALS_BINARY"] = pals
    import fake_hub  # pylint: disable=import-outside-toplevel
    import support  # pylint: disable=import-outside-toplevel

    with tempfile.TemporaryDirectory(prefix="pals-hub-") as temporary:
        root = pathlib.Path(temporary)
        model = support.make_model(root / "model")
        hub = fake_hub.FakeHub(NAME)
        hub.add_folder(model)
        features = [pals, "features", "--layers=-1", "--precision", "fp32", "--model"]
        python = [sys.executable, "-c", SNAPSHOT]
        expected = run([*features, model], root / "none", hub.url())

        ours, theirs, begun = root / "ours", root / "theirs", root / "begun"
        check(run([*features, f"hf://{NAME}"], ours, hub.url()) == expected, "another output than of the folder")
        run([*python, "online"], theirs, hub.url())
        # What pals did not finish, huggingface_hub goes on with, and the other way round.
        blobs = begun / "models--some--model/blobs"
        blobs.mkdir(parents=True)
        weights = hub.files["model.safetensors"]
        partial = blobs / (fake_hub.etag_of("model.safetensors", weights) + ".incomplete")
        partial.write_bytes(weights[:5000])
        run([*features, f"hf://{NAME}"], begun, hub.url())
        check(any(headers.get("Range") == "bytes=5000-" for _, _, headers, _ in hub.requests), "nothing was resumed")

        hub.close()
        for cache in (ours, begun):
            folder = pathlib.Path(run([*python, "offline"], cache, hub.url(), offline=True).strip())
            check(folder.name == hub.commit and {path.name for path in folder.iterdir()} == FILES,
                  f"{folder} is not what was fetched")
            for path in folder.iterdir():
                check(path.read_bytes() == hub.files[path.name], f"{path} has other content")
        check(run([*features, f"hf://{NAME}"], theirs, hub.url(), offline=True) == expected,
              "another output of huggingface_hub's cache")
    print("hub_check: one cache for both")


if __name__ == "__main__":
    main()
