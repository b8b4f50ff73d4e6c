#!/usr/bin/env python3
"""BERT with PALs in the reference's way, in eager PyTorch: a turn is a training step on each batch of the rows.

Padded to --max_seq_length, fp32, an operator at a time, scores and probabilities of all pairs of tokens in memory, PALs
one layer at a time beside it, each weight clipped and moved by itself (BERTAdam).
"""

import argparse
import math

import numpy
import torch
from torch import nn

import turns

HEADS = 6  # of a PAL


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", required=True)
    parser.add_argument("--layers", type=int, help="so many layers, not 12")
    parser.add_argument("--adapter_size", type=int, default=204)
    parser.add_argument("--max_seq_length", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    return parser.parse_args()


class Attention(nn.Module):
    def __init__(self, size, heads):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(size, size) for _ in range(3))
        self.dropout = nn.Dropout(0.1)

    def split(self, x):
        return x.view(*x.shape[:2], self.heads, -1).permute(0, 2, 1, 3)

    def forward(self, x, mask):
        query, key, value = (self.split(part(x)) for part in (self.query, self.key, self.value))
        scores = torch.matmul(query, key.transpose(-1, -2)) / math.sqrt(query.shape[-1]) + mask
        context = torch.matmul(self.dropout(torch.softmax(scores, dim=-1)), value)
        return context.permute(0, 2, 1, 3).contiguous().view(x.shape)


class Layer(nn.Module):
    def __init__(self, hidden, inner, heads, pal_size, tasks):
        super().__init__()
        self.attention, self.attention_output = Attention(hidden, heads), nn.Linear(hidden, hidden)
        self.attention_norm, self.output_norm = (nn.LayerNorm(hidden, eps=1e-12) for _ in range(2))
        self.intermediate, self.output = nn.Linear(hidden, inner), nn.Linear(inner, hidden)
        self.pals = nn.ModuleList(Attention(pal_size, HEADS) for _ in range(tasks))
        self.dropout = nn.Dropout(0.1)

    def forward(self, x, mask, task, down, up):
        attended = self.attention_norm(self.dropout(self.attention_output(self.attention(x, mask))) + x)
        fed = self.dropout(self.output(nn.functional.gelu(self.intermediate(attended))))
        pal = nn.functional.gelu(up(self.pals[task](down(x), mask)))
        return self.output_norm(fed + attended + pal)


class Model(nn.Module):
    def __init__(self, arguments, rows, hidden=768, inner=3072, heads=12):
        super().__init__()
        outputs = rows["task_outputs"]
        self.words = nn.Embedding(max(30522, rows["vocab_size"]), hidden)
        self.positions, self.types = nn.Embedding(512, hidden), nn.Embedding(2, hidden)
        self.norm, self.dropout = nn.LayerNorm(hidden, eps=1e-12), nn.Dropout(0.1)
        self.layers = nn.ModuleList(Layer(hidden, inner, heads, arguments.adapter_size, len(outputs))
                                    for _ in range(arguments.layers or 12))
        self.down = nn.ModuleList(nn.Linear(hidden, arguments.adapter_size) for _ in outputs)  # for all layers
        self.up = nn.ModuleList(nn.Linear(arguments.adapter_size, hidden) for _ in outputs)
        self.pooler = nn.Linear(hidden, hidden)
        self.heads = nn.ModuleList(nn.Linear(hidden, size) for size in outputs)

    def loss(self, task, ids, mask, types, targets):
        positions = torch.arange(ids.shape[1], device=ids.device)
        x = self.dropout(self.norm(self.words(ids) + self.positions(positions) + self.types(types)))
        added = (1.0 - mask[:, None, None, :].float()) * -10000.0
        for layer in self.layers:
            x = layer(x, added, task, self.down[task], self.up[task])
        logits = self.heads[task](self.dropout(torch.tanh(self.pooler(x[:, 0]))))
        if logits.shape[1] == 1:
            return nn.functional.mse_loss(logits[:, 0], targets)
        return nn.functional.cross_entropy(logits, targets)


class BertAdam:
    """Without bias correction; weights decay directly; every tensor is clipped by its own norm."""

    def __init__(self, model, rate=2e-5, betas=(0.9, 0.999), epsilon=1e-6, decay=0.01):
        self.rate, self.betas, self.epsilon = rate, betas, epsilon
        self.decays = {value: 0.0 if name.endswith("bias") or "norm" in name else decay
                       for name, value in model.named_parameters()}
        self.moments = {}

    @torch.no_grad()
    def step(self):
        for value, decay in self.decays.items():
            if value.grad is None:
                continue
            if value not in self.moments:
                self.moments[value] = torch.zeros_like(value), torch.zeros_like(value)
            first, second = self.moments[value]
            nn.utils.clip_grad_norm_(value, 1.0)
            first.mul_(self.betas[0]).add_(value.grad, alpha=1 - self.betas[0])
            second.mul_(self.betas[1]).addcmul_(value.grad, value.grad, value=1 - self.betas[1])
            update = first / (second.sqrt() + self.epsilon)
            if decay > 0:
                update += decay * value
            value.add_(update, alpha=-self.rate)
            value.grad = None


def main():
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(42)
    torch.backends.cuda.matmul.allow_tf32 = False
    rows = turns.load_rows(arguments.rows)
    model = Model(arguments, rows).to(arguments.device).train()
    optimizer = BertAdam(model)

    def step(batch):
        task = batch[0]["task"]
        inputs = [torch.from_numpy(values).to(arguments.device)
                  for values in turns.padded(batch, numpy, arguments.max_seq_length)]
        loss = model.loss(task, *inputs, turns.targets(batch, rows["task_outputs"][task], torch).to(arguments.device))
        loss.backward()
        optimizer.step()
        assert numpy.isfinite(loss.item())

    def turn():
        for batch in rows["batches"]:
            step(batch)
        turns.synchronize(arguments.device, torch)

    turns.warm_up(arguments.device, rows, step, turn)
    turns.answer(rows["tokens"], turn, torch=torch.__version__)


if __name__ == "__main__":
    main()
