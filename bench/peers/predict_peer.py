#!/usr/bin/env python3
"""BERT without adapters under ONNX Runtime or OpenVINO: a turn is all rows of the stream, padded to each batch's longest.

The weights are random. The model is exported once into --cache_dir; ONNX Runtime gets it with its own fusions for BERT.
ONNX Runtime has no bf16 on x86.
"""

import argparse
import os
import sys

import numpy

import turns


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", required=True)
    parser.add_argument("--engine", choices=["onnxruntime", "openvino"], required=True)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--order", choices=["unsorted", "sorted"], default="unsorted")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--model", help="take the sizes of this folder, not BERT-base's")
    parser.add_argument("--layers", type=int, help="so many layers")
    parser.add_argument("--cache_dir", required=True)
    return parser.parse_args()


def export(arguments, vocab_size):
    """The path of the ONNX file, and its configuration."""
    import torch
    import transformers
    config = (transformers.BertConfig.from_pretrained(arguments.model) if arguments.model
              else transformers.BertConfig(vocab_size=max(30522, vocab_size)))
    config.num_hidden_layers = arguments.layers or config.num_hidden_layers
    config._attn_implementation = "eager"
    name = f"bert-{config.num_hidden_layers}-{config.hidden_size}-{config.vocab_size}.onnx"
    path = os.path.join(arguments.cache_dir, name)
    if not os.path.exists(path):
        os.makedirs(arguments.cache_dir, exist_ok=True)
        torch.manual_seed(42)
        model = transformers.BertForSequenceClassification(config).eval()
        names = ["input_ids", "attention_mask", "token_type_ids"]
        example = tuple(torch.ones((2, 8), dtype=torch.long) for _ in names)
        axes = {name: {0: "rows", 1: "tokens"} for name in names} | {"logits": {0: "rows"}}
        torch.onnx.export(model, example, path + ".part", input_names=names, output_names=["logits"],
                          dynamic_axes=axes, opset_version=17, dynamo=False)
        os.rename(path + ".part", path)
    return path, config


def onnxruntime_model(path, config, arguments):
    import onnxruntime
    from onnxruntime.transformers import optimizer
    if arguments.precision != "fp32":
        sys.exit("predict_peer.py: ONNX Runtime has no bf16 on x86")
    fused = path.replace(".onnx", ".fused.onnx")
    if not os.path.exists(fused):
        optimised = optimizer.optimize_model(path, "bert", num_heads=config.num_attention_heads,
                                             hidden_size=config.hidden_size)
        optimised.save_model_to_file(fused + ".part")
        os.rename(fused + ".part", fused)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = arguments.threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(fused, options, providers=["CPUExecutionProvider"])
    names = [argument.name for argument in session.get_inputs()]

    def run(inputs):
        return session.run(None, {name: inputs[name] for name in names})[0]
    return run, onnxruntime.__version__


def openvino_model(path, _, arguments):
    import openvino
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(path), "CPU", {
        "INFERENCE_NUM_THREADS": arguments.threads, "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": {"fp32": "f32", "bf16": "bf16"}[arguments.precision]})
    request = compiled.create_infer_request()

    def run(inputs):
        return request.infer(inputs)[compiled.output(0)]
    return run, openvino.__version__


def main():
    arguments = parse_arguments()
    rows = turns.load_rows(arguments.rows)
    path, config = export(arguments, rows["vocab_size"])
    make = {"onnxruntime": onnxruntime_model, "openvino": openvino_model}[arguments.engine]
    run, version = make(path, config, arguments)
    stream = turns.in_order(rows["stream"], arguments.order)

    def turn():
        for batch in stream:
            ids, mask, types = turns.padded(batch, numpy)
            logits = run({"input_ids": ids, "attention_mask": mask, "token_type_ids": types})
            assert logits.shape[0] == len(batch) and numpy.isfinite(logits).all()

    turn()
    turns.answer(rows["tokens"], turn, version=version)


if __name__ == "__main__":
    main()
