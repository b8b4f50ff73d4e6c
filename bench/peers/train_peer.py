#!/usr/bin/env python3
"""transformers with the `adapters` package, as one would train with them: a turn is a step on each batch of the rows.

Padded to each batch's longest row, bf16 autocast unless --precision fp32, global clipping, fused AdamW over all
weights. --adapter houlsby: bottlenecks of --adapter_size after attention and feed-forward, each task with its own.
"""

import argparse

import adapters
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
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


class Model(torch.nn.Module):
    def __init__(self, arguments, rows):
        super().__init__()
        config = (transformers.BertConfig.from_pretrained(arguments.model) if arguments.model
                  else transformers.BertConfig(vocab_size=max(30522, rows["vocab_size"])))
        config.num_hidden_layers = arguments.layers or config.num_hidden_layers
        self.bert = transformers.BertModel(config)
        self.adapter = arguments.adapter
        if self.adapter == "houlsby":
            adapters.init(self.bert)
            houlsby = adapters.DoubleSeqBnConfig(reduction_factor=config.hidden_size / arguments.adapter_size)
            for name in rows["task_names"]:
                self.bert.add_adapter(name, config=houlsby)
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


def tensors_of(batch, outputs):
    ids, mask, types = map(torch.from_numpy, turns.padded(batch, numpy))
    targets = (torch.tensor([row["value"] for row in batch]) if outputs == 1
               else torch.tensor([row["label"] for row in batch]))
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}, targets


def main():
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(42)
    rows = turns.load_rows(arguments.rows)
    model = Model(arguments, rows).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)

    def step(batch):
        task = batch[0]["task"]
        inputs, targets = tensors_of(batch, rows["task_outputs"][task])
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=arguments.precision == "bf16"):
            loss = model.loss(task, inputs, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        assert numpy.isfinite(loss.item())

    def turn():
        for batch in rows["batches"]:
            step(batch)

    step(max(rows["batches"], key=lambda batch: sum(map(turns.length, batch))))
    turns.answer(rows["tokens"], turn, torch=torch.__version__, transformers=transformers.__version__,
                 adapters=adapters.__version__)


if __name__ == "__main__":
    main()
