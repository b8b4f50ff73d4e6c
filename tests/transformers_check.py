"""Checks that transformers loads the shared part of a trained model folder and computes what pals does.

Run with a Python that has torch, transformers and safetensors:
    python tests/transformers_check.py --pals build/pals --model MINILM_FOLDER
Trains two steps from MODEL, so that the weights are the folder's own, then compares token ids, last
hidden states and pooled output for a few lines. Prints the largest differences; exit code 1 if one is
above the tolerance.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

TOLERANCE = 2e-4

LINES = [
    "The cat sat on the mat.",
    "Who wrote it?\tIt was written by Mary Shelley in 1816.",
    "naïve café — “quoted” text, 3.14159!",
    "a\tb",
    " ".join(["several words repeated many times"] * 40),
]


def train(pals, model, folder):
    rows = [("good fun", "yes"), ("dull and long", "no"), ("a joy", "yes"), ("a bore", "no")]
    data = os.path.join(folder, "data.tsv")
    with open(data, "w", encoding="utf-8") as out:
        for text, label in rows * 4:
            out.write(f"{text}\t{label}\n")
    columns = {"path": data, "format": "tsv", "header": False, "text_a": 0, "label": 1}
    task = {"name": "toy", "kind": "classification", "labels": ["no", "yes"], "metrics": ["accuracy"]}
    task_file = os.path.join(folder, "tasks.json")
    with open(task_file, "w", encoding="utf-8") as out:
        json.dump({"tasks": [dict(task, train=columns, dev=columns)]}, out)
    run = os.path.join(folder, "run")
    subprocess.run([pals, "train", "--task_file", task_file, "--init_checkpoint", model, "--adapter",
                    "pals", "--max_steps", "2", "--learning_rate", "1e-4", "--warmup_proportion", "0",
                    "--precision", "fp32", "--do_train", "--output_dir", run], check=True)
    return os.path.join(run, "final")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pals", required=True)
    parser.add_argument("--model", required=True)
    arguments = parser.parse_args()

    os.environ["HF_HUB_OFFLINE"] = "1"
    import torch
    import transformers
    from safetensors.torch import load_file

    with tempfile.TemporaryDirectory() as folder:
        trained = train(arguments.pals, arguments.model, folder)
        output = os.path.join(folder, "hidden.safetensors")
        dump = os.path.join(os.path.dirname(os.path.abspath(arguments.pals)), "dump_hidden_states")
        subprocess.run([dump, trained, output], check=True, input="\n".join(LINES).encode() + b"\n")
        ours = load_file(output)

        model, info = transformers.BertModel.from_pretrained(
            trained, attn_implementation="eager", output_loading_info=True)
        for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
            if info[kind]:
                sys.exit(f"transformers reports {kind}: {sorted(info[kind])[:5]}")
        start = load_file(os.path.join(arguments.model, "model.safetensors"))
        if torch.equal(start["encoder.layer.0.output.dense.weight"],
                       model.encoder.layer[0].output.dense.weight):
            sys.exit("the folder holds the weights from before training")

        model.eval()
        tokenizer = transformers.BertTokenizer.from_pretrained(trained)
        worst = 0.0
        for number, line in enumerate(LINES):
            encoded = tokenizer(*line.split("\t"), return_tensors="pt", truncation="longest_first",
                                max_length=128)
            if encoded["input_ids"][0].tolist() != ours[f"{number}.input_ids"].int().tolist():
                sys.exit(f"line {number}: token ids differ")
            with torch.no_grad():
                theirs = model(**encoded)
            for name, value in (("last_hidden_state", theirs.last_hidden_state[0]),
                                ("pooler_output", theirs.pooler_output[0])):
                worst = max(worst, (ours[f"{number}.{name}"] - value).abs().max().item())
        print(f"transformers {transformers.__version__}: {len(LINES)} lines, "
              f"largest difference {worst:.1e} (at most {TOLERANCE:.0e})")
        if not worst <= TOLERANCE:
            sys.exit(1)


if __name__ == "__main__":
    main()
