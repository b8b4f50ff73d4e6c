#!/usr/bin/env python3
"""transformers with the `adapters` package, as one would train with them: a turn is a step on each batch of the rows.

Padded to each batch's longest row, bf16 autocast unless --precision fp32, SDPA, global clipping, fused AdamW over all
weights. --adapter houlsby: bottlenecks of --adapter_size after attention and feed-forward, each task with its own; only
this needs the `adapters` package. --compile: the encoder under torch.compile, for any number of rows and tokens.
"""

import argparse

import numpy
import torch
import transformers

import turns


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", required=True)
    parser.add_argument("--model", help="take the sizes of this folder, not BERT-base's")
    parser.add_argument("--layers", type=int, help="so many layers")
    parser.add_argument("--adapter", choices=["none", "houlsby"], default="none")
    parser.add_argument("--adapter_size", type=int, default=50)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="bf16")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    return parser.parse_args()


class Model(torch.nn.Module):
    def __init__(self, arguments, rows):
        super().__init__()
        config = (transformers.BertConfig.from_pretrained(arguments.model) if arguments.model
                  else transformers.BertConfig(vocab_size=max(30522, rows["vocab_size"])))
        config.num_hidden_layers = arguments.layers or config.num_hidden_layers
        config._attn_implementation = "sdpa"
        self.bert = transformers.BertModel(config)
        self.adapter = arguments.adapter
        self.facts = {"torch": torch.__version__, "transformers": transformers.__version__}
        if self.adapter == "houlsby":
            import adapters
            self.facts["adapters"] = adapters.__version__
            adapters.init(self.bert)
            houlsby = adapters.DoubleSeqBnConfig(reduction_factor=config.hidden_size / arguments.adapter_size)
            for name in rows["task_names"]:
                self.bert.add_adapter(name, config=houlsby)
        if arguments.compile:
            self.bert = torch.compile(self.bert, dynamic=True)
        self.dropout = torch.nn.Dropout(config.hidden_dropout_prob)
        self.heads = torch.nn.ModuleList(torch.nn.Linear(config.hidden_size, outputs)
                                         for outputs in rows["task_outputs"])
        self.names = rows["task_names"]
        for parameter in self.parameters():
            parameter.requires_grad_(True)

    def loss(self, task, inputs, targets):
        if self.adapter == "houlsby":
            self.bert.set_active_adapters(self.names[task])
        pooled = self.bert(**inputs).pooler_output
        logits = self.heads[task](self.dropout(pooled)).float()
        if self.heads[task].out_features == 1:
            return torch.nn.functional.mse_loss(logits[:, 0], targets)
        return torch.nn.functional.cross_entropy(logits, targets)


def tensors_of(batch, outputs, device):
    ids, mask, types = (torch.from_numpy(values).to(device, non_blocking=True) for values in turns.padded(batch, numpy))
    inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
    return inputs, turns.targets(batch, outputs, torch).to(device, non_blocking=True)


def main():
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(42)
    rows = turns.load_rows(arguments.rows)
    on_cpu = arguments.device == "cpu"
    model = Model(arguments, rows).to(arguments.device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)
    kind = torch.device(arguments.device).type

    def step(batch):
        task = batch[0]["task"]
        inputs, targets = tensors_of(batch, rows["task_outputs"][task], arguments.device)
        optimizer.zero_grad()
        with torch.autocast(kind, dtype=torch.bfloat16, enabled=arguments.precision == "bf16"):
            loss = model.loss(task, inputs, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        assert not on_cpu or numpy.isfinite(loss.item())  # a GPU is not waited for in each step

    def turn():
        for batch in rows["batches"]:
            step(batch)
        turns.synchronize(arguments.device, torch)

    turns.warm_up(arguments.device, rows, step, turn)
    turns.answer(rows["tokens"], turn, **model.facts)


if __name__ == "__main__":
    main()
