"""Checks `pals export` against the programs that it writes for: transformers, onnxruntime, sentence-transformers.

Run with a Python that has torch, transformers, safetensors, onnx, onnxruntime and sentence-transformers:
    python tests/export_check.py --pals build/pals [--before FOLDER]
One model over a small random BERT has a task with each kind of adapter, and tasks of each kind with an adapter and
without, all weights random. Every task is exported to transformers, whose tokenizer and model must give what `pals predict`
gives within 1e-5 in fp32; to ONNX, alone and with all others, within 1e-4; and the encoder and some tasks to
sentence-transformers, with the vectors of `pals features`. --before: packages that come before the environment's, such as
another version of transformers; then transformers alone is checked.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

TOLERANCE, ONNX_TOLERANCE = 1e-5, 1e-4
WORDS = ["token%d" % number for number in range(90)]
TEXTS = [" ".join(WORDS[(start * 7 + step * 3) % 90] for step in range(3 + start)) for start in range(8)]
TEXTS += ["Tokén1 TOKEN2, token3", "no word here [MASK] [SEP] token4", "token5 " * 60]
LABELS = ["bad", "good", "so-so"]
CHOICES = [{"context": TEXTS[0], "choices": TEXTS[1:4]}, {"context": TEXTS[4], "choices": [TEXTS[5], "token7"]}]
SENTENCES = TEXTS[:-1]  # words of a longer text are tagged in windows, which other programs do not have
QUESTIONS = [{"question": "token1 token2", "context": text} for text in TEXTS[3:8]]
# Settings beside the kind, where those by default leave something unseen.
SETTINGS = {
    "bottleneck": {"after": ["attention", "output"], "reads": "dense", "activation": "gelu_new"},
    "bottleneck_lhuc": {"after": ["output"], "reads": "normalised", "activation": "silu", "layers": [1]},
    "pals": {"layers": [0, 2]}, "low_rank_lhuc": {"layers": [1, 2]}, "houlsby": {"layers": [2]},
    "lora": {"targets": "all", "rank": 3, "task_pooler": True}, "lora_lhuc": {"layers": [0, 1]},
    "top_attention": {"task_pooler": True}, "houlsby_pals": {"size": 12, "bottleneck_size": 5},
}
KINDS = ["classification", "regression", "multi_label", "tagging", "span", "multiple_choice"]
CLASSES = {"tagging": "AutoModelForTokenClassification", "span": "AutoModelForQuestionAnswering",
           "multiple_choice": "AutoModelForMultipleChoice"}
PALS = None


def check(condition, message):
    if not condition:
        sys.exit(f"export_check: {message}")


def run(*arguments, code=0, stdin=""):
    result = subprocess.run([PALS, *map(str, arguments)], text=True, check=False, input=stdin, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)
    check(result.returncode == code, f"{arguments}: exit code {result.returncode}, wanted {code}: {result.stderr}")
    return result


# ---- The model ----


def write_json(path, value):
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def make_base(root, torch, save_file):
    """A BERT whose weights are set later."""
    folder = root / "base"
    folder.mkdir()
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[", "]", "mask", "sep", ","] + WORDS
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    config = {"model_type": "bert", "vocab_size": len(tokens), "hidden_size": 24, "num_hidden_layers": 3,
              "num_attention_heads": 4, "intermediate_size": 40, "max_position_embeddings": 64, "type_vocab_size": 2,
              "hidden_act": "gelu", "layer_norm_eps": 1e-12}
    write_json(folder / "config.json", config)
    write_json(folder / "tokenizer_config.json", {"do_lower_case": True})
    shapes = {"embeddings.word_embeddings": [len(tokens), 24], "embeddings.position_embeddings": [64, 24],
              "embeddings.token_type_embeddings": [2, 24]}
    dense = {"attention.self.query": (24, 24), "attention.self.key": (24, 24), "attention.self.value": (24, 24),
             "attention.output.dense": (24, 24), "intermediate.dense": (40, 24), "output.dense": (24, 40)}
    norms = ["embeddings.LayerNorm"]
    for layer in range(3):
        shapes.update({f"encoder.layer.{layer}.{name}": shape for name, shape in dense.items()})
        norms += [f"encoder.layer.{layer}.{name}.LayerNorm" for name in ("attention.output", "output")]
    shapes["pooler.dense"] = (24, 24)
    tensors = {name + ".weight": torch.zeros(shape) for name, shape in shapes.items()}
    tensors.update({name + ".bias": torch.zeros(shape[0]) for name, shape in shapes.items() if "embeddings" not in name})
    for name in norms:
        tensors.update({name + ".weight": torch.ones(24), name + ".bias": torch.zeros(24)})
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    return folder


def adapter_names():
    text = run("train", "--help").stdout
    return re.search(r"task-specific parts: ([\w, ]+)", text).group(1).split(", ")


def task_of(root, kind):
    """The keys of a task of that kind, with a few rows to train on."""
    path = root / f"{kind}.jsonl"
    task = {"kind": kind, "train": str(path)}
    texts = {"text_a": "text", "label": "label"}
    if kind == "span":
        paragraphs = [{"context": row["context"], "qas": [{"id": str(number), "question": row["question"], "answers": [
            {"text": row["context"].split()[0], "answer_start": 0}]}]} for number, row in enumerate(QUESTIONS)]
        write_json(path, {"data": [{"paragraphs": paragraphs}]})
        return task
    if kind == "multiple_choice":
        write_lines(path, [{**row, "label": 1} for row in CHOICES])
        return {**task, "context": "context", "choices": "choices", "label": "label"}
    if kind == "tagging":
        path = path.with_suffix(".conll")
        path.write_text("\n\n".join("\n".join(f"{word} {LABELS[len(word) % 3]}" for word in text.split())
                                    for text in TEXTS[:8]) + "\n", encoding="utf-8")
        return {**task, "train": str(path), "labels": LABELS, "scheme": "plain"}
    labels = {"classification": lambda number: LABELS[number % 3], "regression": lambda number: number / 2,
              "multi_label": lambda number: LABELS[:number % 3]}
    write_lines(path, [{"text": text, "label": labels[kind](number)} for number, text in enumerate(TEXTS)])
    more = {"label_scale": 5} if kind == "regression" else {"labels": LABELS}
    return {**task, **texts, **more}


def make_tasks(root):
    tasks = {}
    for name in adapter_names():
        tasks[name] = {**task_of(root, "classification"), "adapter": {"kind": name, **SETTINGS.get(name, {})}}
    for kind in KINDS[1:]:
        for name in "none", "pals":
            tasks[f"{kind}_{name}"] = {**task_of(root, kind), "adapter": {"kind": name}}
    return tasks


def randomise(path, torch, load_file, save_file, seed):
    generator = torch.Generator().manual_seed(seed)
    tensors = {name: (1.0 if name.endswith("LayerNorm.weight") else 0.0)
               + 0.2 * torch.randn(tensor.shape, generator=generator) for name, tensor in load_file(path).items()}
    save_file(tensors, path, {"format": "pt"})


def make_model(root, torch, load_file, save_file):
    base = make_base(root, torch, save_file)
    tasks = make_tasks(root)
    write_json(root / "tasks.json", {"tasks": [{"name": name, **task} for name, task in tasks.items()]})
    run("train", "--task_file", root / "tasks.json", "--init_checkpoint", base, "--do_train", "--max_steps", "1",
        "--train_batch_size", "2", "--max_seq_length", "40", "--precision", "fp32", "--threads", "1", "--output_dir",
        root / "run")
    for seed, path in enumerate(sorted((root / "run/final").rglob("*.safetensors"))):
        randomise(path, torch, load_file, save_file, seed)
    run("convert", root / "run/final", root / "model", "--accept_changes")
    return root / "model", tasks


# ---- What pals computes ----


def predictions(model, tasks):
    """For each task a list of its answers, one list of numbers for each input."""
    flags = ["--model", model, "--json", "--precision", "fp32", "--threads", "1"]
    answers = {}
    for kind in KINDS:
        names = [name for name, task in tasks.items() if task["kind"] == kind]
        if not names:
            continue
        texts = SENTENCES if kind == "tagging" else TEXTS
        rows = {"span": QUESTIONS, "multiple_choice": CHOICES}.get(kind, [{"text": text} for text in texts])
        columns = ["--text_a", "text"] if "text" in rows[0] else []
        text = run("predict", *flags, *columns, "--tasks", ",".join(names), "--input_format", "jsonl",
                   stdin="".join(json.dumps(row) + "\n" for row in rows)).stdout
        lines = [json.loads(line) for line in text.splitlines()]
        for name in names:
            answers[name] = [numbers_of(kind, line.get(name, line)) for line in lines]
    return answers


def numbers_of(kind, line):
    if kind == "regression":
        return [line["value"]]
    if kind == "tagging":
        return [word["probability"] for word in line["words"]]
    if kind == "span":
        return [line["score"]]
    return line["probabilities"] if kind == "multiple_choice" else [line["probabilities"][label] for label in LABELS]


def worst_of(ours, theirs, where, tolerance):
    check(len(ours) == len(theirs), f"{where}: {len(ours)} answers for {len(theirs)}")
    for place, (a, b) in enumerate(zip(ours, theirs)):
        check(len(a) == len(b), f"{where}: answer {place} has {len(a)} and {len(b)} numbers")
    worst = max(abs(one - other) for a, b in zip(ours, theirs) for one, other in zip(a, b, strict=True))
    check(worst <= tolerance, f"{where}: outputs differ by {worst}")
    return worst


# ---- What the others compute ----


def answers_of(kind, outputs, encoded, tokenizer, torch):
    """Numbers as numbers_of gives them, of a model's outputs (or an ONNX graph's)."""
    if kind == "span":
        return [[best_score(start.tolist(), end.tolist(), types.tolist(), ids.tolist(), tokenizer)]
                for start, end, types, ids in zip(*outputs, encoded["token_type_ids"], encoded["input_ids"])]
    logits = outputs[0].double()
    if kind == "tagging":
        shares = torch.softmax(logits, -1).max(-1).values
        return [[share[words.index(word)].item() for word in sorted({word for word in words if word is not None})]
                for share, words in zip(shares, (encoded.word_ids(number) for number in range(len(logits))))]
    if kind == "regression":
        return logits.tolist()
    return (torch.sigmoid(logits) if kind == "multi_label" else torch.softmax(logits, -1)).tolist()


def best_score(start, end, types, ids, tokenizer):
    places = [place for place, (kind, token) in enumerate(zip(types, ids)) if kind == 1 and token != tokenizer.sep_token_id]
    return max(start[a] + end[b] for a in places for b in places if a <= b < a + 30)


def encode(kind, tokenizer):
    """A list of batches, as the tokenizer makes them."""
    options = {"padding": True, "truncation": True, "return_tensors": "pt"}
    if kind == "span":
        return [tokenizer([row["question"] for row in QUESTIONS], [row["context"] for row in QUESTIONS], **options)]
    if kind == "multiple_choice":
        return [tokenizer([row["context"]] * len(row["choices"]), row["choices"], **options) for row in CHOICES]
    if kind == "tagging":
        return [tokenizer([text.split() for text in SENTENCES], is_split_into_words=True, **options)]
    return [tokenizer(TEXTS, **options)]


def outputs_of_transformers(folder, kind, code, torch, transformers):
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=code)
    auto = getattr(transformers, CLASSES.get(kind, "AutoModelForSequenceClassification"))
    model, info = auto.from_pretrained(folder, trust_remote_code=code, output_loading_info=True)
    for problem in "missing_keys", "unexpected_keys", "mismatched_keys":
        check(not info[problem], f"{folder}: {problem}: {info[problem]}")
    model.eval()
    batches = []
    for encoded in encode(kind, tokenizer):
        inputs = {name: value[None] if kind == "multiple_choice" else value for name, value in encoded.items()}
        with torch.no_grad():
            given = model(**inputs)
        batches.append((encoded, [given.start_logits, given.end_logits] if kind == "span" else [given.logits]))
    return model, tokenizer, batches


def check_config(model, task, kind):
    if kind in ("classification", "multi_label", "tagging"):
        check([model.config.id2label[number] for number in range(3)] == LABELS, f"{task}: {model.config.id2label}")
    problems = {"classification": "single_label_classification", "regression": "regression",
                "multi_label": "multi_label_classification"}
    if kind in problems:
        check(model.config.problem_type == problems[kind], f"{task}: {model.config.problem_type}")


def check_transformers(root, model, tasks, ours, torch, transformers):
    """The largest difference, and of each task what transformers encoded and computed."""
    worst, computed = 0.0, {}
    for name, task in tasks.items():
        kind, out = task["kind"], root / "transformers" / name
        report = json.loads(run("export", model, out, "--format", "transformers", "--task", name, "--json").stdout)
        plain = task["adapter"]["kind"] in ("none", "lora")
        check(report["trust_remote_code"] != plain and report["tasks"] == [name], f"{name}: {report}")
        loaded, tokenizer, batches = outputs_of_transformers(out, kind, not plain, torch, transformers)
        check(type(loaded).__name__.startswith("Bert") == plain, f"{name}: {type(loaded)}")
        check_config(loaded, name, kind)
        theirs = [answer for encoded, outputs in batches
                  for answer in answers_of(kind, outputs, encoded, tokenizer, torch)]
        worst = max(worst, worst_of(ours[name], theirs, f"{name} in transformers", TOLERANCE))
        computed[name] = batches
    return worst, computed


def run_onnx(path, onnxruntime):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda names, encoded: session.run(names, {one.name: encoded[one.name].numpy() for one in session.get_inputs()})


def check_onnx(root, model, tasks, computed, onnx, onnxruntime):
    run("export", model, root / "all.onnx")
    run("export", model, root / "again.onnx", "--format", "onnx")
    check((root / "all.onnx").read_bytes() == (root / "again.onnx").read_bytes(), "two exports to ONNX differ")
    graph = onnx.load(root / "all.onnx")
    onnx.checker.check_model(graph, full_check=True)
    check(graph.opset_import[0].version == 17, "another opset")
    everything, worst = run_onnx(root / "all.onnx", onnxruntime), 0.0
    for name, task in tasks.items():
        run("export", model, root / f"{name}.onnx", "--task", name)
        names = ["start_logits", "end_logits"] if task["kind"] == "span" else ["logits"]
        for graph, prefix in (run_onnx(root / f"{name}.onnx", onnxruntime), ""), (everything, name + "."):
            for encoded, outputs in computed[name]:
                given = graph([prefix + one for one in names], encoded)
                for one, other in zip(given, outputs):
                    difference = abs(one.reshape(other.shape) - other.numpy()).max()
                    check(difference <= ONNX_TOLERANCE, f"{name} in ONNX: outputs differ by {difference}")
                    worst = max(worst, float(difference))
    return worst


def check_onnx_folder(root, model, onnxruntime, transformers):
    """A folder has the tokenizer beside the graph; of an encoder its states."""
    run("export", root / "base", root / "encoder", "--format", "onnx")
    tokenizer = transformers.AutoTokenizer.from_pretrained(root / "encoder")
    graph = run_onnx(root / "encoder/model.onnx", onnxruntime)
    states, pooled = graph(["last_hidden_state", "pooler_output"], tokenizer(TEXTS[0], return_tensors="pt"))
    check(states.shape == (1, 5, 24) and pooled.shape == (1, 24), f"{states.shape}, {pooled.shape}")
    run("export", model, root / "with-all", "--format", "onnx")
    check((root / "with-all/tokenizer.json").exists(), "no tokenizer.json")


def check_sentences(root, model, numpy, sentence_transformers):
    worst = 0.0
    for task in "", "pals", "lora", "top_attention":
        for pooling in "mean", "cls", "max", "pooled":
            flags = ["--pooling", pooling] + (["--task", task] if task else [])
            flags += ["--normalize"] if pooling == "mean" else []
            out = root / f"sentences-{task}-{pooling}"
            run("export", model, out, "--format", "sentence-transformers", *flags)
            run("features", "--model", model, "--output", root / "vectors.npy", "--precision", "fp32",
                "--max_seq_length", "40", *flags, stdin="".join(text + "\n" for text in TEXTS))
            theirs = sentence_transformers.SentenceTransformer(str(out), device="cpu", trust_remote_code=True).encode(TEXTS)
            difference = float(abs(numpy.load(root / "vectors.npy") - theirs).max())
            check(difference <= TOLERANCE, f"{out.name}: vectors differ by {difference}")
            worst = max(worst, difference)
    return worst


def check_convert(root, model, torch, transformers):
    """`convert --names transformers` writes all that from_pretrained wants."""
    run("convert", model, root / "plain/model.safetensors", "--fold", "lora", "--names", "transformers")
    run("convert", model, root / "plain-folder", "--fold", "lora", "--names", "transformers")
    ours = predictions(model, {"lora": {"kind": "classification"}})["lora"]
    for folder in "plain", "plain-folder":
        _, tokenizer, batches = outputs_of_transformers(root / folder, "classification", False, torch, transformers)
        theirs = answers_of("classification", batches[0][1], batches[0][0], tokenizer, torch)
        worst_of(ours, theirs, folder, TOLERANCE)
    run("convert", root / "plain", root / "back", "--task_file", root / "one.json")
    message = run("convert", model, root / "nothing", "--names", "transformers", code=2).stderr
    check("pals export" in message, message)
    run("convert", model, root / "nothing.onnx", code=2)
    run("export", model, root / "nothing.onnx", "--format", "transformers", "--task", "pals", code=2)
    run("export", model, root / "nothing", "--format", "transformers", code=2)
    check(not list(root.glob("nothing*")), "something was written")


def main():
    global PALS
    parser = argparse.ArgumentParser()
    parser.add_argument("--pals", required=True)
    parser.add_argument("--before")
    arguments = parser.parse_args()
    PALS = os.path.abspath(arguments.pals)
    if arguments.before:
        sys.path.insert(0, arguments.before)
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(HF_HUB_OFFLINE="1", OMP_NUM_THREADS="1", HF_HOME=folder + "/hub", TOKENIZERS_PARALLELISM="false")
        import numpy
        import torch
        import transformers
        from safetensors.torch import load_file, save_file
        torch.set_num_threads(1)
        transformers.logging.set_verbosity_error()
        root = pathlib.Path(folder)
        model, tasks = make_model(root, torch, load_file, save_file)
        write_json(root / "one.json", {"tasks": [{"name": "lora", **tasks["lora"]}]})
        ours = predictions(model, tasks)
        worst, computed = check_transformers(root, model, tasks, ours, torch, transformers)
        done = f"transformers {transformers.__version__}: {len(tasks)} tasks, largest difference {worst:.1e}"
        if not arguments.before:
            import onnx
            import onnxruntime
            import sentence_transformers
            worst = check_onnx(root, model, tasks, computed, onnx, onnxruntime)
            check_onnx_folder(root, model, onnxruntime, transformers)
            done += f"; onnxruntime {onnxruntime.__version__}: {worst:.1e}"
            worst = check_sentences(root, model, numpy, sentence_transformers)
            done += f"; sentence-transformers {sentence_transformers.__version__}: {worst:.1e}"
            check_convert(root, model, torch, transformers)
    print(done)


if __name__ == "__main__":
    main()
