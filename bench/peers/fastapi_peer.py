#!/usr/bin/env python3
"""What people build by hand: FastAPI in front of transformers with adapters, and a queue that batches requests.

  fastapi_peer.py MODEL --tasks A,B,... [--adapter double_seq_bn|none] [--port N] [--threads N]

MODEL is a transformers folder of a BERT. Each task has an adapter and a head of random weights. A batch is what waits of
the first request's task, at most 32 texts, padded to its longest; `POST /predict` takes {"inputs": TEXT, "task": NAME}.
"""

import argparse
import asyncio
import contextlib

import fastapi
import torch
import transformers
import uvicorn

MOST_ROWS = 32


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--tasks", required=True)
    parser.add_argument("--adapter", default="double_seq_bn", help="of the package `adapters`; none: heads alone")
    parser.add_argument("--port", type=int, default=8500)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


class Network:
    def __init__(self, arguments):
        torch.set_num_threads(arguments.threads)
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(arguments.model)
        self.with_adapters = arguments.adapter != "none"
        tasks = arguments.tasks.split(",")
        if self.with_adapters:
            import adapters
            self.model = adapters.AutoAdapterModel.from_pretrained(arguments.model)
            for task in tasks:
                self.model.add_adapter(task, config=arguments.adapter)
                self.model.add_classification_head(task, num_labels=2, layers=1)
        else:
            self.model = transformers.AutoModelForSequenceClassification.from_pretrained(arguments.model)
        self.model.eval()
        self.active = None

    @torch.inference_mode()
    def run(self, task, texts):
        if self.with_adapters and task != self.active:
            self.model.set_active_adapters(task)
            self.model.active_head = task
            self.active = task
        batch = self.tokenizer(texts, padding=True, truncation=True, max_length=128, return_tensors="pt")
        return torch.softmax(self.model(**batch).logits, dim=-1).tolist()


def application(network):
    waiting = asyncio.Queue()

    async def batches():
        held = []
        while True:
            held.append(await waiting.get()) if not held else None
            while not waiting.empty():
                held.append(waiting.get_nowait())
            task = held[0][0]
            chosen = [request for request in held if request[0] == task][:MOST_ROWS]
            held = [request for request in held if request not in chosen]
            rows = await asyncio.to_thread(network.run, task, [text for _, text, _ in chosen])
            for (_, _, answer), row in zip(chosen, rows):
                if not answer.done():
                    answer.set_result(row)

    @contextlib.asynccontextmanager
    async def lifespan(_):
        worker = asyncio.create_task(batches())
        yield
        worker.cancel()

    app = fastapi.FastAPI(lifespan=lifespan)

    @app.post("/predict")
    async def predict(request: fastapi.Request):
        body = await request.json()
        answer = asyncio.get_running_loop().create_future()
        await waiting.put((body["task"], body["inputs"], answer))
        scores = await answer
        return sorted(({"label": str(number), "score": score} for number, score in enumerate(scores)),
                      key=lambda entry: -entry["score"])

    return app


if __name__ == "__main__":
    given = parse()
    uvicorn.run(application(Network(given)), host="127.0.0.1", port=given.port, log_level="warning", access_log=False)
