"""The documentation against the program: its commands run, its flags, links, tables and examples hold.

Commands of README.md and docs/*.md run in a folder laid out like a checkout, against a tiny random model and
small data in place of real ones; there `build/pals train` is cut to a few steps. NOT_RUN lists what does not
run here, with the reason. PALS_BINARY names the program.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "tests/e2e"))
sys.path.insert(0, str(REPOSITORY / "scripts"))
import option_tables  # noqa: E402: found through the lines above
import support  # noqa: E402
import tensorflow  # noqa: E402

PAGES = [REPOSITORY / "README.md"] + sorted((REPOSITORY / "docs").glob("*.md"))
CONFIGS = sorted((REPOSITORY / "configs").glob("*.json"))
MINILM_CONFIGS = sorted((REPOSITORY / "configs/minilm").glob("*.json"))

# Beginnings of commands that are not run, and why.
NOT_RUN = {
    "scripts/demo.sh": "installs packages and trains for minutes; run on a bare machine",
    "scripts/setup.sh": "installs packages; run by scripts/test.sh",
    "scripts/build.sh": "builds; run by scripts/test.sh",
    "scripts/test.sh": "runs this test",
    "scripts/package.sh": "builds; run by scripts/test.sh packages",
    "tar -x --zstd": "unpacks what that makes; run by tests/packages_check.py",
    "cmake --preset": "builds",
    "ctest": "runs this test",
    "ninja -C build": "builds",
    "build/kernels_test": "run by ctest",
    "PALS_ISA=generic build/kernels_test": "as above",
    "build/bench/": "timings, on real data",
    "cmake --install": "run by tests/e2e/test_library.py",
    "cmake -G Ninja -S examples": "run by tests/e2e/test_library.py",
    "cmake --build": "run by tests/e2e/test_library.py",
    "/tmp/pals-examples/": "run by tests/e2e/test_library.py",
    "echo 'a moving, funny film' | /tmp/pals-examples/": "run by tests/e2e/test_library.py",
    "echo 'Ada lives in Rome.": "run by tests/e2e/test_library.py",
    "build/pals bench --precision": "BERT-base, minutes; tests/e2e/test_bench.py runs a tiny model",
    "build/pals serve": "runs until it is told to end; run by tests/e2e/test_serve.py",
    "curl": "asks a server; run by tests/e2e/test_serve.py",
    "tar -C tests/data": "run by tests/e2e/test_serve.py",
    "scripts/gpu_check.sh": "needs a GPU, or packs a whole build",
    "gpu-check/scripts/": "needs a GPU",
    "apt-get download": "fetches packages",
    "for package in": "unpacks them",
    "bench/compare.py": "timings against other programs, on real data",
    "python3 -m venv ~/.cache/pals/venv-bench": "7 GB of other programs",
    "~/.cache/pals/venv-bench/bin/pip": "as above",
    "bench/gpu_profile.py": "needs a GPU; tests/e2e/test_bench.py runs it on what Nsight Compute prints",
    "bench/real_runs.py": "hours of training; tests/e2e/test_real_runs.py runs it small",
    "bench/recipes.py": "days of training; tests/e2e/test_recipes.py runs it small",
    "bench/serve.py": "timings; tests/e2e/test_bench_serve.py runs it small",
    "bench/scaling.py": "timings; tests/e2e/test_scaling.py runs it small",
    "srun": "needs Slurm",
    "torchrun": "needs GPUs",
    "python python/examples/": "needs Ray or Spark; run by scripts/test.sh --full",
    "pip install": "builds the wheel; run by scripts/test.sh --full, which runs docs/python.md's examples, too",
}
OURS = ("build/", "bench/", "pals ", "scripts/", "cmake ", "ctest ")  # beginnings of commands of this project

# What a block names that a reader replaces, and where that lies in the sandbox.
PATHS = {"/path/to/": "path/", "/tmp/": "tmp/"}
MODEL_FOLDER = "home/.cache/pals/models/all-MiniLM-L6-v2"
BERT_FOLDER = "path/uncased_L-12_H-768_A-12"
MAX_STEPS = 4
HERE = json.loads(subprocess.run([support.PALS, "info", "--json"], stdout=subprocess.PIPE, text=True, check=True).stdout)
WITHOUT_MPI = HERE["mpi"] == "none"
WITHOUT_INT8 = "avx512_vnni" not in HERE["instruction_sets"]

# Flags of other programs that the pages speak of; those of our scripts are asked of them.
OTHER_FLAGS = {"--preset", "--build", "--parallel", "--test-dir", "--output-on-failure", "--quick", "--install",
               "--prefix", "--bind-to", "--map-by", "--mca", "--hostfile", "--mpi", "--no-python", "--nproc-per-node",
               "--ntasks-per-node", "--nodes", "--link", "--gpus-per-task", "--write", "--label_smoothing", "--data-binary",
               "--logdir", "--component", "--zstd", "--workers", "--parts", "--gtest_filter", "--benchmark_filter",
               "--benchmark_min_time"}
HIDDEN_FLAGS = {"--no_cuda", "--local_rank"}  # two of the reference, which --help leaves out

BERT_BASE = {
    "vocab_size": 30522, "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
    "intermediate_size": 3072, "hidden_act": "gelu", "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1, "max_position_embeddings": 512, "type_vocab_size": 2,
    "initializer_range": 0.02,
}
MINILM = {**BERT_BASE, "hidden_size": 384, "num_hidden_layers": 6, "intermediate_size": 1536}
# Kind, adapter_size and bottleneck_size that each configuration asks for: of BERT-base, of MiniLM.
ADAPTERS = {
    "bert_config": [("none", 0, 0)] * 2,
    "pals_config": [("pals", 204, 0), ("pals", 102, 0)],
    "low_rank_config": [("low_rank", 100, 0), ("low_rank", 50, 0)],
    "top_attn_config": [("top_attention", 204, 0), ("top_attention", 108, 0)],
    "top_bert_layer_config": [("top_bert_layer", 0, 0)] * 2,
    "houlsby_config": [("houlsby", 50, 0), ("houlsby", 25, 0)],
    "houlsby_plus_pals_config": [("houlsby_pals", 156, 50), ("houlsby_pals", 78, 25)],
}


def text_of(page):
    return page.read_text(encoding="utf-8")


def blocks(page):
    """(first line's number, language, lines) of each fenced block."""
    found, fence, start, language, lines = [], None, 0, "", []
    for number, line in enumerate(text_of(page).splitlines(), 1):
        match = re.match(r"( *)(```+)(\w*)\s*$", line)
        if match and fence is None:
            fence, start, language, lines = match.group(1) + match.group(2), number, match.group(3), []
        elif fence is not None and line.rstrip() == fence:
            found.append((start, language, lines))
            fence = None
        elif fence is not None:
            lines.append(line)
    assert fence is None, f"{page}:{start}: a block without an end"
    return found


def prose(page):
    """The text without its fenced blocks."""
    return re.sub(r"^( *```+)\w*\s*$.*?^\1\s*$", "", text_of(page), flags=re.MULTILINE | re.DOTALL)


def commands(lines):
    """The commands of a shell block, each with its continued lines and here-documents."""
    found, i = [], 0
    while i < len(lines):
        command = [lines[i]]
        here = re.search(r"<<'?(\w+)'?", lines[i])
        while here and command[-1] != here.group(1):
            i += 1
            command.append(lines[i])
        while not here and command[-1].endswith("\\"):
            i += 1
            command.append(lines[i])
        i += 1
        if command[0].strip() and not command[0].lstrip().startswith("#"):
            found.append("\n".join(command))
    return found


def is_run(command):
    needs_mpi = command.startswith(("mpirun", "mpicxx")) or "--nproc" in command
    needs_int8 = "--precision int8" in command
    needs_hub = "hf://" in command  # tests/e2e/test_hub.py has one of its own
    return (not command.startswith(tuple(NOT_RUN)) and not (needs_mpi and WITHOUT_MPI) and
            not (needs_int8 and WITHOUT_INT8) and not needs_hub)


def flags_in(text):
    return set(re.findall(r"(?<![\w-])--[a-z][\w-]*", text))


def help_of(*command):
    return subprocess.run([*command, "--help"], stdout=subprocess.PIPE, text=True, check=True).stdout


def command_names():
    """The program's commands, as its --help lists them."""
    return re.findall(r"(?m)^  ([\w-]+)(?:, ?\w+)*\s", help_of(support.PALS).split("Subcommands:")[1])


def defaults_of(command):
    """Flag -> default of a command, as --help says; None where it says none."""
    options = re.split(r"\nExamples?:", help_of(support.PALS, command))[0]
    matches = re.findall(r"^ +(?:-h,)?(--\w+(?:,--\w+)*)(?: [A-Z]+(?::[A-Z]+)?(?:=(\S+))?)?(?=\s|$)",
                         options, re.MULTILINE)
    return {flag: default or None for names, default in matches for flag in names.split(",") if flag != "--help"}


def make_sandbox(root):
    for name in ("configs", "docs", "scripts", "src", "tests"):
        (root / name).symlink_to(REPOSITORY / name)
    for name in ("build", "tmp", "home", "path"):
        (root / name).mkdir()
    wrapper = root / "build/pals"
    wrapper.write_text(f"#!/bin/sh\ncase $1 in train | compare | transfer) set -- \"$@\" --max_steps {MAX_STEPS} --threads 1 ;; "
                       f"esac\ncase $1 in transfer) set -- \"$@\" --max_seeds 2 ;; esac\n"
                       f"exec '{os.path.abspath(support.PALS)}' \"$@\"\n")
    wrapper.chmod(0o755)
    support.make_glue(root / "glue")
    support.make_test_sets(root / "glue")
    support.make_glue(root / "path/glue/glue_data")
    for split in ("train", "dev"):
        support.make_squad(root / f"squad/{split}-v1.1.json", 24, 1)
        support.make_squad(root / f"squad/{split}-v2.0.json", 24, 2)
    for name in ("train", "val"):
        support.make_swag(root / f"swag/{name}.csv", 12)
    (root / MODEL_FOLDER).parent.mkdir(parents=True)
    support.make_model(root / MODEL_FOLDER)
    folder = root / BERT_FOLDER
    folder.mkdir()
    support.write_text(folder / "vocab.txt", "\n".join(support.VOCABULARY) + "\n")
    for file in CONFIGS:
        support.write_json(folder / file.name, {**json.loads(text_of(file)), **support.bert_config()})
    support.write_pytorch(folder / "pytorch_model.bin",
                          {support.reference_name(name): value
                           for name, value in support.random_weights().items()})
    tensorflow.write_checkpoint(str(folder / "bert_model.ckpt"), support.random_weights())


class Commands(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="pals-docs-")
        cls.root = pathlib.Path(cls.folder.name)
        make_sandbox(cls.root)
        cls.outputs = {}
        cls.failures = []
        for page in PAGES:
            for line, language, lines in blocks(page):
                if language == "sh":
                    cls.run_block(page, line, [command for command in commands(lines) if is_run(command)])

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def run_block(cls, page, line, script):
        if not script:
            return
        text = "\n".join(["set -euo pipefail"] + script)
        text = re.sub("|".join(map(re.escape, PATHS)), lambda match: f"{cls.root}/{PATHS[match[0]]}", text)
        environment = {key: value for key, value in os.environ.items()
                       if not key.startswith(("PALS_", "XDG_"))}
        # mpirun wants to be told that root may start it, and more ranks than there are cores.
        environment.update(HOME=str(cls.root / "home"), OMP_NUM_THREADS="1", OMPI_ALLOW_RUN_AS_ROOT="1",
                           OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", OMPI_MCA_rmaps_base_oversubscribe="1")
        result = subprocess.run(["bash", "-c", text], cwd=cls.root, env=environment, text=True, timeout=300,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        where = f"{page.name}:{line}"
        cls.outputs[where] = result.stdout
        if result.returncode != 0:
            cls.failures.append(f"{where}: status {result.returncode}\n{result.stderr[-2000:]}")

    def test_they_run(self):
        self.assertEqual(self.failures, [])
        self.assertGreater(len(self.outputs), 5)

    def test_the_reference_command_is_whole(self):
        readme = text_of(PAGES[0])
        self.assertIn("--gradient_accumulation_steps 1\n```", readme)
        self.assertTrue((self.root / "tmp/saved/pals/final/config.json").exists())

    def test_predictions_are_shown_as_described(self):
        output = "".join(text for where, text in self.outputs.items() if where.startswith("README"))
        self.assertRegex(output, r"(?m)^[01]\t0\.\d{4}$")  # sst: a label and its probability
        self.assertRegex(output, r'(?m)^\{"label":"(not_)?entailment","probabilities":\{.*\}\}$')
        self.assertRegex(output, r"(?m)^(good|bad)\t0\.\d{4}$")

    def test_the_run_folder_is_as_described(self):
        run = self.root / "runs/three"
        for name in ("run_config.json", "metrics.jsonl", "eval_results.json", "best", "best_tasks", "final",
                     "checkpoints", "dev_predictions", "identity.json", "report.html", ".lock"):
            self.assertTrue((run / name).exists(), name)
            self.assertRegex(text_of(REPOSITORY / "docs/training.md"), rf"(?m)^{re.escape(name)}\b")
        self.assertEqual(sorted(path.name for path in run.iterdir()),
                         [".lock", "best", "best_tasks", "checkpoints", "dev_predictions", "eval_results.json", "final",
                          "identity.json", "metrics.jsonl", "report.html", "run_config.json"])

    def test_examples_of_results_have_the_real_keys(self):
        examples = ["\n".join(lines) for _, language, lines in blocks(REPOSITORY / "docs/training.md")
                    if language == "json"]
        start, epoch, step, evaluation, seconds, speed = (json.loads(line) for line in examples[0].splitlines())
        steps, evaluations = support.metrics(self.root / "runs/three")
        self.assertEqual(list(step), list(steps[0]))
        self.assertEqual(list(evaluation), list(evaluations[0]))
        log = (self.root / "runs/three/metrics.jsonl").read_text(encoding="utf-8").splitlines()
        self.assertEqual(list(speed), list(json.loads(log[-1])))
        for example, key in (start, "from_step"), (epoch, "epoch_begins"), (seconds, "wall_seconds"):
            self.assertEqual(list(example), next(list(line) for line in map(json.loads, log) if key in line))
        results, example = support.read_json(self.root / "runs/three/eval_results.json"), json.loads(examples[1])
        self.assertEqual(list(example), list(results))
        for task, scores in example["tasks"].items():
            self.assertEqual(sorted(scores), sorted(results["tasks"][task]))
        for task, best in example["best_by_task"].items():
            self.assertEqual(sorted(best), sorted(results["best_by_task"][task]))
        for place in "", "last/":
            lines = (self.root / "runs/three/dev_predictions" / (place + "rte.jsonl")).read_text(encoding="utf-8").splitlines()
            for example, line in zip(examples[2].splitlines(), lines):
                self.assertEqual(list(json.loads(example)), list(json.loads(line)))

    def test_the_model_folder_is_as_described(self):
        page = text_of(REPOSITORY / "docs/model-folder.md")
        folder = self.root / "runs/three/best"
        listed = set(re.findall(r"(?m)^(\S+\.(?:json|txt|safetensors)) {2,}", page))
        real = {str(path.relative_to(folder)).replace("adapters/rte/", "adapters/TASK/")
                for path in folder.rglob("*") if path.is_file() and path.parent.name not in ("mrpc", "sts")}
        self.assertEqual(listed, real)
        for key in support.read_json(folder / "config.json")["pals"]:
            self.assertIn(f"`{key}`", page)
        adapter = support.read_json(folder / "adapters/rte/pals_adapter.json")
        for key in [*adapter, *adapter["adapter"]]:
            self.assertIn(f"`{key}`", page)


class Configurations(support.PalsTest):
    def check(self, files, bert, column):
        self.assertEqual({file.stem for file in files}, set(ADAPTERS))
        for file in files:
            with self.subTest(file=str(file.relative_to(REPOSITORY))):
                config = json.loads(text_of(file))
                self.assertEqual({key: value for key, value in config.items() if key in bert}, bert)
                run = self.train(f"{column}-{file.stem}", "--do_train", "--max_steps", "1",
                                 "--bert_config_file", str(file))
                folder = pathlib.Path(run) / "final" / "adapters"
                for task in folder.iterdir():
                    adapter = support.read_json(task / "pals_adapter.json")["adapter"]
                    self.assertEqual((adapter["kind"], adapter.get("size", 0), adapter.get("bottleneck_size", 0)),
                                     ADAPTERS[file.stem][column])

    def test_bert_base(self):
        self.check(CONFIGS, BERT_BASE, 0)

    def test_minilm(self):
        self.check(MINILM_CONFIGS, MINILM, 1)


class Pages(unittest.TestCase):
    def test_commands_stand_in_shell_blocks(self):
        for page in PAGES:
            for line, language, lines in blocks(page):
                if language != "sh":
                    for text in lines:
                        self.assertFalse(text.startswith(OURS), f"{page.name}:{line}: not marked sh: {text}")

    def test_every_reason_is_needed(self):
        every = [command for page in PAGES for _, language, lines in blocks(page) if language == "sh"
                 for command in commands(lines)]
        for start in NOT_RUN:
            self.assertTrue(any(command.startswith(start) for command in every), start)

    def test_flags_exist(self):
        known = set(HIDDEN_FLAGS) | OTHER_FLAGS
        for command in command_names():
            known |= flags_in(help_of(support.PALS, command))
        for script in ("setup.sh", "build.sh", "package.sh", "test.sh", "gpu_check.sh"):
            known |= flags_in(help_of(REPOSITORY / "scripts" / script))
        for script in ("compare.py", "gpu_profile.py", "recipes.py", "serve.py"):
            known |= flags_in(help_of(sys.executable, "-B", REPOSITORY / "bench" / script))
        known |= {"--help", "--flag"}
        for page in PAGES:
            text = re.sub(r"iconv .*", "", text_of(page))
            self.assertEqual(flags_in(text) - known, set(), page.name)

    def test_tables_of_options_are_the_programs(self):
        for page in PAGES:
            self.assertEqual(option_tables.renewed(text_of(page), support.PALS), text_of(page),
                             f"{page.name}: run scripts/option_tables.py --write")

    def test_all_flags_of_all_commands_are_described(self):
        pages = "".join(text_of(page) for page in PAGES)
        commands = command_names()
        self.assertGreater(len(commands), 7)
        for command in commands:
            with self.subTest(command=command):
                written = "".join(match.group(0) for match in option_tables.BLOCK.finditer(pages)
                                  if match.group(1) == command)
                self.assertEqual(written, "".join(option_tables.blocks_of(support.PALS, command).values()))
                rows = re.findall(r"(?m)^\| (`--[^|]*) \| ?([^|]*)\| ?([^|]*)\| (.+) \|$", written)
                described = {flag: default.strip(" `") for flags, default, _, _ in rows
                             for flag in re.findall(r"--\w+", flags)}
                defaults = defaults_of(command)
                self.assertGreater(len(defaults), 50 if command == "train" else 1)
                self.assertEqual(set(described) - HIDDEN_FLAGS, set(defaults))
                for flag, default in defaults.items():
                    self.assertEqual(described[flag], default or "", flag)

    def test_links_and_paths_resolve(self):
        for page in PAGES:
            text = prose(page)
            for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
                if "://" not in target:
                    self.assertTrue((page.parent / target).exists(), f"{page.name}: {target}")
            for path in re.findall(r"`((?:src|tests|bench|configs|scripts|docs|cmake)/[\w./-]+)`", text):
                self.assertTrue((REPOSITORY / path).exists(), f"{page.name}: {path}")

    def test_named_tests_exist(self):
        cited = re.findall(r"`((?:src|tests)/[\w./]+_test\.cpp|tests/e2e/\w+\.py)`: ([\w, ]+)",
                           text_of(REPOSITORY / "docs/differences.md"))
        self.assertGreater(len(cited), 10)
        for path, names in cited:
            for name in names.split(", "):
                self.assertRegex(text_of(REPOSITORY / path), rf"\b{name.strip()}\b", path)

    def test_all_rows_of_differences_are_decided(self):
        table = text_of(REPOSITORY / "docs/differences.md").split("## Also")[0]
        rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| ") and "---" not in line]
        self.assertEqual({len(row) for row in rows}, {4})
        for row in rows:
            self.assertTrue(all(cell.strip(" |") for cell in row), row[0])

    def test_rooms_are_as_cmake_has_them(self):
        real = {}
        for file in (REPOSITORY / "src").glob("*/CMakeLists.txt"):
            words = re.search(r"pals_room\(([^)]*)\)", re.sub(r"#[^\n]*", "", text_of(file))).group(1).split()
            rooms = words[words.index("ROOMS") + 1:] if "ROOMS" in words else []
            real[words[0]] = (rooms[:rooms.index("LIBS")] if "LIBS" in rooms else rooms, "TORCH" in words)
        table = text_of(REPOSITORY / "docs/architecture.md").split("<!-- rooms -->")[1].split("\n\n")[0]
        written = {name: ([room for room in rooms.strip().split(", ") if room], torch.strip() == "yes")
                   for name, rooms, torch in re.findall(r"(?m)^\| `(\w+)` \|([^|]*)\|([^|]*)\|$", table)}
        self.assertEqual(written, real)

    def test_adapter_kinds_are_named(self):
        names = re.search(r"task-specific parts: ([\w, ]+)", help_of(support.PALS, "train")).group(1).split(", ")
        page = text_of(REPOSITORY / "docs/training.md")
        for name in names:
            if not name.endswith("_lhuc"):
                self.assertIn(f"`{name}`", page)


if __name__ == "__main__":
    unittest.main(verbosity=2)
