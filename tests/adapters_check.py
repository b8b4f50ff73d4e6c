"""Checks `pals convert` against peft and adapters themselves: their folders in, ours out.

Run with a Python that has torch, transformers, adapters, peft and safetensors:
    python tests/adapters_check.py --pals build/pals
For each case a package makes an adapter with a head over a small random BERT, trains nothing but sets all weights at
random, and saves it. pals makes a model folder of it, whose logits must be the package's within 1e-5 in fp32; trains it
further; and writes it back, for the package to load: bit for bit what it was, and after training with the same outputs as
pals. Methods that pals does not have are refused by name.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

TOLERANCE = 1e-5
WORDS = ["token%d" % number for number in range(94)]
TEXTS = [" ".join(WORDS[(start * 7 + step * 3) % 94] for step in range(3 + start)) for start in range(8)]
PALS = None


def check(condition, message):
    if not condition:
        sys.exit(f"adapters_check: {message}")


def run(*arguments, code=0, stdin=""):
    result = subprocess.run([PALS, *map(str, arguments)], text=True, check=False, input=stdin, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)
    check(result.returncode == code, f"{arguments}: exit code {result.returncode}, wanted {code}: {result.stderr}")
    return result


def make_base(folder, torch, transformers, hidden=24, name="base"):
    config = transformers.BertConfig(vocab_size=99, hidden_size=hidden, num_hidden_layers=3, num_attention_heads=4,
                                     intermediate_size=40, max_position_embeddings=32, attn_implementation="eager")
    torch.manual_seed(3)
    model = transformers.BertModel(config)
    randomise(model, torch, 4)
    model.save_pretrained(folder / name)
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + WORDS
    (folder / name / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    return folder / name


def randomise(model, torch, seed, only=""):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if only and not any(part in name for part in only):
                continue
            start = 1.0 if "LayerNorm.weight" in name else 0.0
            parameter.copy_(start + 0.1 * torch.randn(parameter.shape, generator=generator))


def inputs(torch, text):
    ids = [2] + [5 + WORDS.index(word) for word in text.split()] + [3]
    return {"input_ids": torch.tensor([ids]), "attention_mask": torch.ones(1, len(ids), dtype=torch.long)}


def their_probabilities(model, torch, kind):
    """One list of numbers for each text, as `pals predict` prints them."""
    model.eval()
    answers = []
    for text in TEXTS:
        with torch.no_grad():
            logits = model(**inputs(torch, text)).logits[0].double()
        if kind == "tagging":
            answers.append(torch.softmax(logits[1:-1], -1).max(-1).values.tolist())
        elif kind == "multi_label":
            answers.append(torch.sigmoid(logits).tolist())
        elif kind == "regression":
            answers.append(logits.tolist())
        else:
            answers.append(torch.softmax(logits, -1).tolist())
    return answers


def our_probabilities(folder, kind, labels):
    text = run("predict", "--model", folder, "--json", "--precision", "fp32", "--threads", "1",
               stdin="\n".join(TEXTS) + "\n").stdout
    answers = []
    for line in map(json.loads, text.splitlines()):
        line = line.get("mood", line)
        if kind == "tagging":
            answers.append([word["probability"] for word in line["words"]])
        elif kind == "regression":
            answers.append([line["value"] if "value" in line else line["prediction"]])
        else:
            answers.append([line["probabilities"][label] for label in labels])
    return answers


def compare(ours, theirs, where):
    check(len(ours) == len(theirs), f"{where}: {len(ours)} answers for {len(theirs)}")
    worst = max(abs(one - other) for a, b in zip(ours, theirs) for one, other in zip(a, b, strict=True))
    check(worst <= TOLERANCE, f"{where}: outputs differ by {worst}")
    return worst


def train_more(folder, kind, labels, root):
    """A few steps with everything shared frozen, from the converted folder."""
    if kind == "tagging":
        rows = ["\n".join(f"{word} {labels[number % len(labels)]}" for number, word in enumerate(text.split())) + "\n"
                for text in TEXTS]
        data = root / "rows.conll"
        data.write_text("\n".join(rows), encoding="utf-8")
        task = {"format": "conll"}
    else:
        data = root / "rows.jsonl"
        def label(number):
            return {"multi_label": [labels[number % len(labels)]] if labels else [], "regression": number / 8}.get(
                kind, labels[number % len(labels)] if labels else None)
        data.write_text("".join(json.dumps({"text": text, "label": label(number)}) + "\n"
                                for number, text in enumerate(TEXTS)), encoding="utf-8")
        task = {"text_a": "text", "label": "label"}
    task.update(name="mood", kind=kind, train=str(data))
    if labels:
        task["labels"] = labels
    if kind == "tagging":
        task["scheme"] = "plain"
    (root / "tasks.json").write_text(json.dumps({"tasks": [task]}), encoding="utf-8")
    out = root / "run"
    result = run("train", "--task_file", root / "tasks.json", "--init_checkpoint", folder, "--freeze_all", "--do_train",
                 "--max_steps", "6", "--learning_rate", "1e-2", "--train_batch_size", "4", "--max_seq_length", "32",
                 "--precision", "fp32", "--threads", "1", "--warmup_proportion", "0", "--output_dir", out,
                 "--overwrite_output_dir")
    check("loaded for mood" in result.stderr, f"{folder}: its adapter was not loaded: {result.stderr}")
    return out / "final"


# ---- peft ----

def peft_model(base, kind, num_labels, torch, peft, transformers, **settings):
    classes = {"tagging": (transformers.BertForTokenClassification, "TOKEN_CLS")}
    model_class, task_type = classes.get(kind, (transformers.BertForSequenceClassification, "SEQ_CLS"))
    model = model_class.from_pretrained(base, num_labels=num_labels, attn_implementation="eager")
    config = peft.LoraConfig(task_type=task_type, **{"r": 4, "lora_alpha": 6, "target_modules": ["query", "value"],
                                                     **settings})
    model = peft.get_peft_model(model, config)
    randomise(model, torch, 11, ("lora_", "modules_to_save"))
    return model


def load_peft(base, folder, kind, num_labels, peft, transformers):
    model_class = (transformers.BertForTokenClassification if kind == "tagging"
                   else transformers.BertForSequenceClassification)
    model = model_class.from_pretrained(base, num_labels=num_labels, attn_implementation="eager")
    return peft.PeftModel.from_pretrained(model, folder)


PEFT_CASES = {
    "classification": ("classification", ["a", "b", "c"], {}),
    "regression": ("regression", [], {"target_modules": ["key"]}),
    "tagging": ("tagging", ["O", "X", "Y", "Z"], {"target_modules": ["query", "key", "intermediate.dense"]}),
    "every layer": ("classification", ["a", "b"],
                    {"target_modules": ["query", "key", "value", "attention.output.dense", "intermediate.dense",
                                        "output.dense"], "r": 3, "lora_alpha": 2.5, "lora_dropout": 0.1}),
    "output alone": ("classification", ["a", "b"], {"target_modules": r"bert\.encoder\.layer\.\d+\.output\.dense"}),
    "chosen layers": ("classification", ["a", "b"], {"layers_to_transform": [0, 2], "layers_pattern": "layer"}),
    "own pooler": ("classification", ["a", "b"], {"modules_to_save": ["classifier", "pooler"]}),
    "several labels": ("multi_label", ["a", "b", "c"], {}),
}
PEFT_REFUSED = {
    "DoRA": {"use_dora": True}, "rsLoRA": {"use_rslora": True}, "biases": {"bias": "lora_only"},
    "pooler.dense": {"target_modules": ["query", "pooler.dense"]}, "rank_pattern": {"rank_pattern": {"query": 2}},
}


def label_flags(root, kind, labels):
    if kind != "multi_label":
        return ["--task", "mood"] + (["--labels", ",".join(labels)] if labels else [])
    (root / "labels.json").write_text(json.dumps({"tasks": [
        {"name": "mood", "kind": kind, "labels": labels, "text_a": "text", "label": "label",
         "train": "rows.jsonl"}]}), encoding="utf-8")
    return ["--task_file", root / "labels.json", "--tasks", "mood"]


def check_peft(root, base, torch, peft, transformers, load_file):
    worst = 0.0
    for name, (kind, labels, settings) in PEFT_CASES.items():
        here = root / f"peft-{name}".replace(" ", "-")
        here.mkdir()
        number = len(labels) or 1
        model = peft_model(base, kind, number, torch, peft, transformers, **settings)
        model.save_pretrained(here / "saved")
        run("convert", here / "saved", here / "folder", "--base", base, *label_flags(here, kind, labels))
        worst = max(worst, compare(our_probabilities(here / "folder", kind, labels),
                                   their_probabilities(model, torch, kind), name))
        run("convert", here / "folder", here / "back", "--to", "peft", "--base", base)
        saved, back = (load_file(here / place / "adapter_model.safetensors") for place in ("saved", "back"))
        check(set(saved) == set(back), f"{name}: other tensors came back: {sorted(set(saved) ^ set(back))[:4]}")
        check(all(saved[key].equal(back[key]) for key in saved), f"{name}: other values came back")
        trained = train_more(here / "folder", kind, labels, here)
        run("convert", trained, here / "trained", "--to", "peft", "--base", base)
        again = load_peft(base, here / "trained", kind, number, peft, transformers)
        ours = our_probabilities(trained, kind, labels)
        worst = max(worst, compare(ours, their_probabilities(again, torch, kind), f"{name}, trained"))
        before = our_probabilities(here / "folder", kind, labels)
        check(ours != before, f"{name}: training changed nothing")
        run("convert", trained, here / "folded", "--fold", "mood")
        worst = max(worst, compare(our_probabilities(here / "folded", kind, labels), ours, f"{name}, folded"))
    check_folded(root / "peft-classification", torch, transformers)
    for word, settings in PEFT_REFUSED.items():
        model = peft_model(base, "classification", 2, torch, peft, transformers, **settings)
        model.save_pretrained(root / f"refused-{word}")
        message = run("convert", root / f"refused-{word}", root / "none", "--base", base, "--task", "mood", "--labels",
                      "a,b", code=1).stderr
        check(word in message, f"{word}: not named in: {message}")
        check(not (root / "none").exists(), f"{word}: something was written")
    return worst


def check_tagger(here, base, torch, peft, transformers):
    """transformers' own tagger, which has no pooler: as it is, and as the base of an adapter."""
    labels = ["O", "X", "Y"]
    model = transformers.BertForTokenClassification.from_pretrained(base, num_labels=len(labels),
                                                                    attn_implementation="eager")
    randomise(model, torch, 13, ("classifier",))
    model.save_pretrained(here / "saved")
    shutil.copy(base / "vocab.txt", here / "saved")
    (here / "tasks.json").write_text(json.dumps({"tasks": [
        {"name": "mood", "kind": "tagging", "scheme": "plain", "labels": labels}]}), encoding="utf-8")
    run("convert", here / "saved", here / "folder", "--task_file", here / "tasks.json", "--max_seq_length", "32")
    worst = compare(our_probabilities(here / "folder", "tagging", labels),
                    their_probabilities(model, torch, "tagging"), "tagger")
    model = peft_model(here / "saved", "tagging", len(labels), torch, peft, transformers)
    model.save_pretrained(here / "adapter")
    run("convert", here / "adapter", here / "both", "--base", here / "saved", "--task", "mood", "--labels", "O,X,Y")
    return max(worst, compare(our_probabilities(here / "both", "tagging", labels),
                              their_probabilities(model, torch, "tagging"), "adapter of a tagger"))


def check_folded(here, torch, transformers):
    """A folded model is one of transformers' own, too."""
    run("convert", here / "folded", here / "plain/model.safetensors", "--names", "transformers")
    model, info = transformers.BertForSequenceClassification.from_pretrained(
        here / "plain", attn_implementation="eager", output_loading_info=True)
    check(not info["missing_keys"] and not info["unexpected_keys"], f"folded: {info}")
    labels = PEFT_CASES["classification"][1]
    compare(our_probabilities(here / "folded", "classification", labels),
            their_probabilities(model, torch, "classification"), "folded, in transformers")


# ---- adapters ----

HUB_CASES = {
    "houlsby": ("classification", {"class": "DoubleSeqBnConfig", "reduction_factor": 4}, {"layers": 2}),
    "pfeiffer": ("classification", {"class": "SeqBnConfig", "reduction_factor": 5}, {"layers": 1, "use_pooler": True}),
    "houlsby-gelu": ("tagging", {"class": "DoubleSeqBnConfig", "non_linearity": "gelu", "leave_out": [1]}, {}),
    "pfeiffer-both": ("multi_label", {"class": "SeqBnConfig", "mh_adapter": True, "scaling": 2.5, "reduction_factor": 6},
                      {"layers": 2}),
    "lora": ("classification", {"class": "LoRAConfig", "r": 3, "alpha": 7, "attn_matrices": ["q", "k"],
                                "intermediate_lora": True, "output_lora": True}, {"layers": 2}),
    "lora-regression": ("regression", {"class": "LoRAConfig", "leave_out": [0]}, {"layers": 1, "use_pooler": True}),
}
HUB_REFUSED = {"parallel": {"class": "ParBnConfig"}, "prefix_tuning": {"class": "PrefixTuningConfig"},
               "invertible": {"class": "SeqBnInvConfig"}, "Compacter": {"class": "CompacterConfig", "phm_dim": 2, "reduction_factor": 4},
               "DoRA": {"class": "LoRAConfig", "use_dora": True}}
HUB_HEADS = {"classification": "add_classification_head", "regression": "add_classification_head",
             "multi_label": "add_classification_head", "tagging": "add_tagging_head"}


def hub_model(base, kind, labels, settings, head, torch, adapters):
    model = adapters.BertAdapterModel.from_pretrained(base, attn_implementation="eager")
    settings = dict(settings)
    model.add_adapter("mood", config=getattr(adapters, settings.pop("class"))(**settings))
    flags = {"num_labels": len(labels) or 1, **head}
    if labels:
        flags["id2label"] = dict(enumerate(labels))
    if kind == "multi_label":
        flags["multilabel"] = True
    getattr(model, HUB_HEADS[kind])("mood", **flags)
    model.set_active_adapters("mood")
    randomise(model, torch, 12, ("adapters.mood", "loras.mood", "heads.mood"))
    return model


def load_hub(base, folder, adapters):
    model = adapters.BertAdapterModel.from_pretrained(base, attn_implementation="eager")
    info = {}
    model.load_adapter(str(folder), set_active=True, loading_info=info)
    check(not info.get("missing_keys") and not info.get("unexpected_keys"), f"{folder}: {info}")
    model.set_active_adapters("mood")
    return model


def check_hub(root, base, torch, adapters):
    worst = 0.0
    for name, (kind, settings, head) in HUB_CASES.items():
        here = root / f"hub-{name}"
        here.mkdir()
        labels = {"regression": [], "tagging": ["O", "X", "Y"]}.get(kind, ["a", "b", "c"])
        model = hub_model(base, kind, labels, settings, head, torch, adapters)
        model.save_adapter(str(here / "saved"), "mood")
        run("convert", here / "saved", here / "folder", "--base", base, "--task", "mood")
        theirs = their_probabilities(model, torch, kind)
        worst = max(worst, compare(our_probabilities(here / "folder", kind, labels), theirs, name))
        run("convert", here / "folder", here / "back", "--to", "adapters", "--base", base)
        worst = max(worst, compare(their_probabilities(load_hub(base, here / "back", adapters), torch, kind), theirs,
                                   f"{name}, back"))
        if "scaling" not in settings:
            for file in "pytorch_adapter.bin", "pytorch_model_head.bin":
                saved, back = (torch.load(here / place / file, weights_only=True) for place in ("saved", "back"))
                check(set(saved) == set(back) and all(saved[key].equal(back[key]) for key in saved),
                      f"{name}: other tensors came back")
        trained = train_more(here / "folder", kind, labels, here)
        run("convert", trained, here / "trained", "--to", "adapters", "--base", base)
        ours = our_probabilities(trained, kind, labels)
        worst = max(worst, compare(ours, their_probabilities(load_hub(base, here / "trained", adapters), torch, kind),
                                   f"{name}, trained"))
        check(ours != our_probabilities(here / "folder", kind, labels), f"{name}: training changed nothing")
    for word, settings in HUB_REFUSED.items():
        model = hub_model(base, "classification", ["a", "b"], settings, {"layers": 2}, torch, adapters)
        model.save_adapter(str(root / f"hub-refused-{word}"), "mood")
        message = run("convert", root / f"hub-refused-{word}", root / "none", "--base", base, "--task", "mood",
                      code=1).stderr
        check(word in message, f"{word}: not named in: {message}")
        check(not (root / "none").exists(), f"{word}: something was written")
    return worst


def check_other_base(root, base, torch, transformers):
    saved = root / "peft-classification/saved"
    flags = ["--task", "mood", "--labels", "a,b,c"]
    other = make_base(root, torch, transformers, name="other")
    message = run("convert", saved, root / "none", "--base", other, *flags, code=1).stderr
    check("other" in message and "base" in message, message)
    run("convert", saved, root / "accepted", "--base", other, *flags, "--accept_changes")
    large = make_base(root, torch, transformers, hidden=32, name="large")
    message = run("convert", saved, root / "none", "--base", large, *flags, "--accept_changes", code=1).stderr
    check("24" in message and "32" in message, message)
    run("convert", saved, root / "none", *flags, code=2)
    run("convert", saved, root / "none", "--base", base, "--task", "mood", "--labels", "a,b", code=2)
    run("convert", saved, root / "none", "--base", base, "--task", "mood", code=2)
    trained = root / "peft-classification/run/final"
    with open(other / "config.json", encoding="utf-8") as stream:
        json.load(stream)
    transformers.BertModel.from_pretrained(other)
    randomised = transformers.BertModel.from_pretrained(other)
    randomise(randomised, torch, 99)
    randomised.save_pretrained(other)
    message = run("convert", trained, root / "none", "--to", "peft", "--base", other, code=1).stderr
    check("--freeze_all" in message, message)
    check(not (root / "none").exists(), "something was written")


def main():
    global PALS
    parser = argparse.ArgumentParser()
    parser.add_argument("--pals", required=True)
    PALS = os.path.abspath(parser.parse_args().pals)
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["OMP_NUM_THREADS"] = "1"
    import adapters
    import peft
    import torch
    import transformers
    from safetensors.torch import load_file
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        base = make_base(root, torch, transformers)
        worst = max(check_peft(root, base, torch, peft, transformers, load_file), check_hub(root, base, torch, adapters),
                    check_tagger(root / "tagger", base, torch, peft, transformers))
        check_other_base(root, base, torch, transformers)
    print(f"peft {peft.__version__}, adapters {adapters.__version__}: {len(PEFT_CASES)} and {len(HUB_CASES)} adapters in, "
          f"trained and out, largest difference {worst:.1e} (at most {TOLERANCE:.0e}); "
          f"{len(PEFT_REFUSED) + len(HUB_REFUSED)} methods refused")


if __name__ == "__main__":
    main()
