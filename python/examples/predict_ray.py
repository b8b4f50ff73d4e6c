"""Predicts the rows of Parquet files with Ray Data: each worker is a process that loads the model once.

  predict_ray.py --model RUN/best --task sst --input texts.parquet --output labelled --workers 2

The columns of --text hold a text, or a pair in two columns. The output has all columns of the input, and `label` and
`probability`, or `value`. Needs pip install 'ray[data]' pandas. On a cluster the model's folder, input and output are to be
where all machines see them.
"""

import argparse

import pals
import ray


class Labeller:
    """A worker. Rows come as tables of pandas, and go so."""

    def __init__(self, model, task, text, threads):
        self.model, self.task, self.text = pals.load(model, threads=threads), task, text

    def __call__(self, table):
        predictions = self.model.predict(table[self.text], task=self.task)
        if any(one.value is not None for one in predictions):
            return table.assign(value=[one.value for one in predictions])
        return table.assign(label=[one.label for one in predictions],
                            probability=[one.probabilities[one.label] for one in predictions])


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--task", help="the only one, if it is left out")
    parser.add_argument("--input", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--text", default="text", help="a column, or two with a comma between")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1, help="of a worker, which asks Ray for as many processors")
    parser.add_argument("--cluster", help="the address of a Ray cluster; without it this machine")
    return parser.parse_args()


def main():
    options = parse()
    # Reading and writing need a processor too, by Ray's count: without one everything would wait.
    here = {} if options.cluster else {"num_cpus": options.workers * options.threads + 1}
    ray.init(options.cluster, **here)
    # A batch of 2,048 rows is sorted by length as one: 64 of the model's.
    ray.data.read_parquet(options.input).map_batches(
        Labeller, fn_constructor_args=(options.model, options.task, options.text.split(","), options.threads),
        batch_format="pandas", batch_size=2048, compute=ray.data.ActorPoolStrategy(size=options.workers),
        num_cpus=options.threads).write_parquet(options.output)


if __name__ == "__main__":
    main()
