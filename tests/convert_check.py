"""Checks `pals convert` against torch and transformers themselves.

Run with a Python that has torch, transformers and safetensors:
    python tests/convert_check.py --pals build/pals
PyTorch files written by pals are read by torch.load(weights_only=True) and hold the reference sets of
tests/data/reference and $PALS_REFERENCE_DIR bit for bit, tied matrices as one storage. Files that torch and
transformers write in each of their ways become folders that transformers loads with the same weights; its models
for question answering and multiple choice go in and out with their heads.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent


def check(condition, message):
    if not condition:
        sys.exit(f"convert_check: {message}")


def same(found, expected, where):
    check(set(found) == set(expected), f"{where}: other names: {sorted(set(found) ^ set(expected))[:5]}")
    for name, tensor in expected.items():
        check(found[name].dtype == tensor.dtype and found[name].equal(tensor), f"{where}: {name} differs")


def check_reference_sets(convert, folder, torch, load_file):
    roots = [REPOSITORY / "tests/data/reference"]
    if "PALS_REFERENCE_DIR" in os.environ:
        roots.append(pathlib.Path(os.environ["PALS_REFERENCE_DIR"]))
    count = 0
    for weights in sorted(path for root in roots for path in root.glob("*/weights.safetensors")):
        expected = load_file(weights)
        out = folder / f"set{count}" / "pytorch_model.bin"
        convert(weights, out)
        found = torch.load(out, weights_only=True)
        same(found, expected, weights)
        tied = [name for name in found if name.endswith("multi_layers.0.aug_dense.weight")]
        if "bert.encoder.mult_aug_dense.0.weight" in found:
            places = {found[name].data_ptr() for name in tied if "attention" not in name}
            check(len(places) == 1, f"{weights}: tied matrices in {len(places)} storages")
        count += 1
    return count


def check_written_by_torch(convert, folder, torch, transformers):
    config = transformers.BertConfig(vocab_size=99, hidden_size=24, num_hidden_layers=2, num_attention_heads=4,
                                     intermediate_size=40, max_position_embeddings=32)
    source = folder / "source"
    model = transformers.BertModel(config)
    model.save_pretrained(source)
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + [f"token{number}" for number in range(94)]
    (source / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    state = model.state_dict()
    prefixed = {"bert." + name: tensor for name, tensor in state.items()}
    reference = {name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): tensor
                 for name, tensor in prefixed.items()}
    pretraining = transformers.BertForPreTraining(config)
    pretraining.bert.load_state_dict(state)
    things = {
        "zip": (state, {}), "legacy": (state, {"_use_new_zipfile_serialization": False}),
        "prefixed": (prefixed, {}), "reference": (reference, {}),
        "nested": ({"epoch": 3, "state_dict": reference}, {}),
        "model": ({"model": prefixed, "step": torch.tensor(4)}, {"_use_new_zipfile_serialization": False}),
        "wrapped": ({"module." + name: tensor for name, tensor in reference.items()}, {}),
        "pretraining": (pretraining.state_dict(), {}),
    }
    for name, (thing, options) in things.items():
        torch.save(thing, source / "weights", **options)
        convert(source / "weights", folder / name)
        loaded, info = transformers.BertModel.from_pretrained(folder / name, output_loading_info=True)
        check(not any(info[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys")), f"{name}: {info}")
        same(loaded.state_dict(), state, name)
    half = {name: tensor.half() for name, tensor in state.items()}
    torch.save(half, source / "weights")
    convert(source / "weights", folder / "half.bin")
    same(torch.load(folder / "half.bin", weights_only=True),
         {name.removeprefix("bert."): half[name.removeprefix("bert.").replace("gamma", "weight").replace("beta", "bias")]
          .float() for name in reference}, "half")
    convert(source, folder / "folder")  # as save_pretrained wrote it
    same(transformers.BertModel.from_pretrained(folder / "folder").state_dict(), state, "folder")
    return len(things) + 2


def check_heads(convert, folder, torch, transformers, load_file):
    """Models of transformers with a head of their own become folders, and files that transformers takes whole."""
    config = transformers.BertConfig(vocab_size=99, hidden_size=24, num_hidden_layers=2, num_attention_heads=4,
                                     intermediate_size=40, max_position_embeddings=32)
    kinds = {"span": transformers.BertForQuestionAnswering, "multiple_choice": transformers.BertForMultipleChoice}
    for kind, model_class in kinds.items():
        source = folder / f"{kind}-source"
        model = model_class(config)
        model.save_pretrained(source)
        tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + [f"token{number}" for number in range(94)]
        (source / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
        convert(source, folder / kind, "--kind", kind)
        for name in f"{kind}-out/model.safetensors", f"{kind}-out/model.bin":
            convert(folder / kind, folder / name, "--names", "transformers")
        same(load_file(folder / f"{kind}-out/model.safetensors"), model.state_dict(), kind)
        again = model_class(config)
        again.load_state_dict(torch.load(folder / f"{kind}-out/model.bin", weights_only=True), strict=True)
        same(again.state_dict(), model.state_dict(), kind)
    return len(kinds)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pals", required=True)
    arguments = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    import torch
    import transformers
    from safetensors.torch import load_file

    def convert(source, target, *flags):
        result = subprocess.run([arguments.pals, "convert", source, target, "--json", *flags], text=True, check=False,
                                stdout=subprocess.PIPE)
        check(result.returncode == 0, f"{source} to {target}: exit code {result.returncode}")
        return json.loads(result.stdout)

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        sets = check_reference_sets(convert, folder, torch, load_file)
        files = check_written_by_torch(convert, folder, torch, transformers)
        heads = check_heads(convert, folder, torch, transformers, load_file)
    print(f"torch {torch.__version__}: {sets} reference sets out, {files} files in and {heads} models with heads in and "
          "out, all equal")


if __name__ == "__main__":
    main()
