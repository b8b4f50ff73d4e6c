"""Predicts the rows of Parquet files with Spark, which cuts them into parts: a process loads the model for each.

  spark-submit --master 'local[2]' predict_spark.py --model RUN/best --task sst --input texts.parquet --output labelled

The columns of --text hold a text, or a pair in two columns. The output has all columns of the input, and `label` and
`probability`, or `value`. Needs pip install pyspark pandas pyarrow, and Java. On a cluster the model's folder, input and output
are to be where all machines see them, and a worker's processors are --conf spark.task.cpus=N with --threads N.
"""

import argparse

import pals
from pyspark.sql import SparkSession


def labeller(folder, task, text, threads, gives_values):
    """A function of a part's tables of pandas."""
    def label(tables):
        model = pals.load(folder, threads=threads)
        for table in tables:
            predictions = model.predict(table[text], task=task)
            if gives_values:
                yield table.assign(value=[one.value for one in predictions])
            else:
                yield table.assign(label=[one.label for one in predictions],
                                   probability=[one.probabilities[one.label] for one in predictions])
    return label


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--task", help="the only one, if it is left out")
    parser.add_argument("--input", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--text", default="text", help="a column, or two with a comma between")
    parser.add_argument("--parts", type=int, default=0, help="cut the rows into so many; 0: as Spark does")
    parser.add_argument("--threads", type=int, default=1, help="of a process")
    return parser.parse_args()


def main():
    options = parse()
    # A batch of 2,048 rows is sorted by length as one: 64 of the model's.
    spark = SparkSession.builder.appName("pals").config("spark.sql.execution.arrow.maxRecordsPerBatch", 2048).getOrCreate()
    rows = spark.read.parquet(options.input)
    if options.parts:
        rows = rows.repartition(options.parts)
    columns = [f"`{name}` {kind}" for name, kind in rows.dtypes]
    # Spark wants to know beforehand what comes.
    kinds = {task.kind for task in pals.load(options.model).tasks if options.task in (task.name, None)}
    gives_values = kinds == {"regression"}
    columns += ["value double"] if gives_values else ["label string", "probability double"]
    label = labeller(options.model, options.task, options.text.split(","), options.threads, gives_values)
    rows.mapInPandas(label, ", ".join(columns)).write.mode("overwrite").parquet(options.output)


if __name__ == "__main__":
    main()
