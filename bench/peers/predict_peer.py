#!/usr/bin/env python3
"""BERT without adapters under another engine: a turn is all rows of the stream, padded to each batch's longest.

The weights are random. For ONNX Runtime and OpenVINO the model is exported once into --cache_dir; ONNX Runtime gets it
with its own fusions for BERT. It has no bf16; fp16 is for GPUs. `compile` is transformers' model under torch.compile, of
any number of rows and tokens.
"""

import argparse
import os
import sys

import numpy

import turns


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", required=True)
    parser.add_argument("--engine", choices=["onnxruntime", "openvino", "compile"], required=True)
    parser.add_argument("--precision", choices=["fp32", "bf16", "fp16"], default="fp32")
    parser.add_argument("--order", choices=["unsorted", "sorted"], default="unsorted")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--model", help="take the sizes of this folder, not BERT-base's")
    parser.add_argument("--layers", type=int, help="so many layers")
    parser.add_argument("--cache_dir", required=True)
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    return parser.parse_args()


def bert_config(arguments, vocab_size, attention):
    import transformers
    config = (transformers.BertConfig.from_pretrained(arguments.model) if arguments.model
              else transformers.BertConfig(vocab_size=max(30522, vocab_size)))
    config.num_hidden_layers = arguments.layers or config.num_hidden_layers
    config._attn_implementation = attention
    return config


def export(arguments, vocab_size):
    """The path of the ONNX file, and its configuration."""
    import torch
    import transformers
    config = bert_config(arguments, vocab_size, "eager")
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


def onnxruntime_model(arguments, vocab_size):
    import onnxruntime
    from onnxruntime.transformers import optimizer
    if arguments.precision == "bf16":
        sys.exit("predict_peer.py: ONNX Runtime has no bf16 for BERT")
    wanted = "CPUExecutionProvider" if arguments.device == "cpu" else "CUDAExecutionProvider"
    if wanted not in onnxruntime.get_available_providers():  # before minutes of exporting
        sys.exit(f"predict_peer.py: this onnxruntime has no {wanted}")
    path, config = export(arguments, vocab_size)
    fused = path.replace(".onnx", f".{arguments.device}-{arguments.precision}.fused.onnx")
    if not os.path.exists(fused):
        optimised = optimizer.optimize_model(path, "bert", num_heads=config.num_attention_heads,
                                             hidden_size=config.hidden_size, use_gpu=arguments.device != "cpu")
        if arguments.precision == "fp16":
            optimised.convert_float_to_float16()
        optimised.save_model_to_file(fused + ".part")
        os.rename(fused + ".part", fused)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = arguments.threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(fused, options, providers=[wanted])
    if wanted not in session.get_providers():
        sys.exit(f"predict_peer.py: this onnxruntime has no {wanted}")
    names = [argument.name for argument in session.get_inputs()]

    def run(inputs):
        return session.run(None, {name: inputs[name] for name in names})[0]
    return run, onnxruntime.__version__


def compiled_model(arguments, vocab_size):
    import torch
    import transformers
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(42)
    kind = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[arguments.precision]
    config = bert_config(arguments, vocab_size, "sdpa")
    model = transformers.BertForSequenceClassification(config).eval().to(arguments.device, kind)
    compiled = torch.compile(model, dynamic=True)

    def run(inputs):
        with torch.inference_mode():
            inputs = {name: torch.from_numpy(values).to(arguments.device) for name, values in inputs.items()}
            return compiled(**inputs).logits
    return run, torch.__version__


def openvino_model(arguments, vocab_size):
    import openvino
    path, _ = export(arguments, vocab_size)
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
    make = {"onnxruntime": onnxruntime_model, "openvino": openvino_model, "compile": compiled_model}[arguments.engine]
    run, version = make(arguments, rows["vocab_size"])
    stream = turns.in_order(rows["stream"], arguments.order)

    def turn():
        outputs = []
        for batch in stream:
            ids, mask, types = turns.padded(batch, numpy)
            outputs.append(run({"input_ids": ids, "attention_mask": mask, "token_type_ids": types}))
        for batch, logits in zip(stream, outputs):  # not before: a GPU is not waited for between batches
            assert logits.shape[0] == len(batch)
            assert numpy.isfinite(logits if arguments.engine != "compile" else logits.float().cpu().numpy()).all()

    turn()
    turns.answer(rows["tokens"], turn, version=version)


if __name__ == "__main__":
    main()
