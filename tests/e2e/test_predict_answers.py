"""`pals predict` with span and multiple-choice tasks, alone and beside tasks of the other kinds."""

import csv
import io
import json
import os
import random
import resource
import signal
import subprocess
import unittest

import support
from support import PalsTest, read_json


def questions_of(path):
    return [(question["id"], question["question"], paragraph["context"])
            for article in read_json(path)["data"] for paragraph in article["paragraphs"] for question in paragraph["qas"]]


def csv_text(rows):
    stream = io.StringIO()
    csv.writer(stream).writerows(rows)
    return stream.getvalue()


class PredictAnswers(PalsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.root = os.path.join(os.path.dirname(cls.model), "answers")
        cls.dev = os.path.join(cls.root, "dev.json")
        cls.choices = os.path.join(cls.root, "choices.jsonl")
        cls.run_folder = os.path.join(cls.root, "run")
        if os.path.exists(cls.run_folder):
            return
        test = cls("setUp")
        train = support.make_squad(os.path.join(cls.root, "train.json"), 200, 2)
        support.make_squad(cls.dev, 60, 2)
        generator = random.Random(5)
        support.write_text(cls.choices, "".join(json.dumps(
            {"context": support.sentence(generator), "label": number % (2 + number % 3),
             "choices": [support.sentence(generator, support.GOOD if i == number % (2 + number % 3) else support.BAD)
                         for i in range(2 + number % 3)]}) + "\n" for number in range(60)))
        swag = support.make_swag(os.path.join(cls.root, "swag.csv"), 40)
        tasks = support.write_json(os.path.join(cls.root, "tasks.json"), {"tasks": [
            {"name": "where", "kind": "span", "unanswerable": True, "doc_stride": 8, "train": train, "dev": cls.dev},
            {"name": "which", "kind": "multiple_choice", "context": "context", "choices": "choices", "label": "label",
             "train": cls.choices, "dev": cls.choices},
            {"name": "ends", "kind": "multiple_choice", "context": "sent1", "start": "sent2", "label": "label",
             "choices": ["ending0", "ending1", "ending2", "ending3"], "train": swag, "dev": swag}]})
        test.pals("train", "--data_dir", cls.glue, "--task_file", tasks, "--tasks", "sst,where,sts,which,ends",
                  "--init_checkpoint", cls.model, "--output_dir", cls.run_folder, "--max_seq_length", "32",
                  "--train_batch_size", "8", "--precision", "fp32", "--threads", "1", "--adapter", "pals", "--max_steps",
                  "150", "--num_train_epochs", "1", "--learning_rate", "1e-3", "--sample", "rr")
        cls.run_pals(test, "eval", "--data_dir", cls.glue, "--output_dir", os.path.join(cls.root, "eval"))

    def run_pals(self, command, *flags, **options):
        return self.pals(command, "--model", self.run_folder + "/best", "--precision", "fp32", "--threads", 1, *flags,
                         **options)

    def predict(self, tasks, *flags, stdin=""):
        return self.run_pals("predict", "--tasks", tasks, *flags, stdin=stdin).stdout.splitlines()

    def objects(self, tasks, *flags, stdin=""):
        return [json.loads(line) for line in self.predict(tasks, "--json", *flags, stdin=stdin)]

    def write(self, name, text):
        return support.write_text(self.path(name), text)

    # -- Questions -----------------------------------------------------------------------------------

    def test_answers_are_those_of_eval(self):
        expected = read_json(self.root, "eval", "predictions.json")
        best = read_json(self.root, "eval", "nbest_predictions.json")
        odds = read_json(self.root, "eval", "null_odds.json")
        self.assertGreater(len(set(expected.values())), 5)
        for size in 1, 7, 32:
            found = self.objects("where", "--input", self.dev, "--batch_size", size)
            self.assertEqual({item["id"]: item["answer"] for item in found}, expected)
            self.assertEqual([item["id"] for item in found], list(expected))
        for item in found:
            self.assertEqual(list(item), ["id", "answer", "probability", "score", "null_odds"])
            self.assertAlmostEqual(item["null_odds"], odds[item["id"]], places=4)
            chosen = [one for one in best[item["id"]] if one["text"] == item["answer"]][0]
            self.assertAlmostEqual(item["probability"], chosen["probability"], places=4)
            self.assertAlmostEqual(item["score"], chosen["start_logit"] + chosen["end_logit"], places=3)

    def test_inputs_and_outputs(self):
        questions = questions_of(self.dev)
        expected = self.predict("where", "--input", self.dev)
        fields = [line.split("\t") for line in expected]
        answers = read_json(self.root, "eval", "predictions.json")
        self.assertEqual([line[:2] for line in fields], [[name, answers[name]] for name, _, _ in questions])
        with open(self.dev, encoding="utf-8") as stream:
            self.assertEqual(self.predict("where", "--input_format", "squad", stdin=stream.read()), expected)
        jsonl = self.write("in.jsonl", "".join(json.dumps({"context": context, "id": name, "question": question}) + "\n"
                                               for name, question, context in questions))
        table = self.write("in.csv", csv_text([["id", "context", "question"]] +
                                              [[name, context, question] for name, question, context in questions]))
        lines = self.write("in.txt", "".join(f"{question}\t{context}\n" for _, question, context in questions))
        without_ids = [line.split("\t", 1)[1] for line in expected]
        for flags, wanted in ((["--input", jsonl, "--id", "id"], expected),
                              (["--input", table, "--id", "id"], expected),
                              (["--input", table], without_ids),
                              (["--input", table, "--text_a", "-1", "--text_b", "1", "--header"], without_ids),
                              (["--input", lines], without_ids)):
            with self.subTest(flags=flags):
                self.assertEqual(self.predict("where", *flags), wanted)
        self.assertEqual(self.predict("where", "--input", jsonl, "--output", self.path("out.tsv")), [])
        with open(self.path("out.tsv"), encoding="utf-8") as stream:
            self.assertEqual(stream.read().splitlines(), without_ids)

    def test_odd_questions(self):
        long = " ".join(support.WORDS * 3)
        rows = [{"question": "word1 ?", "context": ""}, {"question": "", "context": "word2 word3"},
                {"question": long, "context": long}, {"question": "\u00fc [SEP]", "context": " \u4e2d\u6587\t\U0001f600 "}]
        found = self.objects("where", "--input_format", "jsonl", stdin="".join(json.dumps(row) + "\n" for row in rows))
        self.assertEqual(len(found), len(rows))
        self.assertEqual(found[0]["answer"], "")
        for row, item in zip(rows, found):
            self.assertIn(item["answer"], " ".join(row["context"].split()))

    def test_a_question_in_gives_an_answer_out(self):
        process = support.start(["predict", "--model", self.run_folder + "/best", "--task", "where", "--threads", 1],
                                stdin=subprocess.PIPE, bufsize=1)
        try:
            for name, question, context in questions_of(self.dev)[:3]:
                process.stdin.write(f"{question}\t{context}\n")
                process.stdin.flush()
                answer = read_json(self.root, "eval", "predictions.json")[name]
                self.assertEqual(process.stdout.readline().split("\t")[0], answer)
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(60), 130)
        finally:
            process.kill()
            for stream in process.stdin, process.stdout, process.stderr:
                stream.close()

    def test_memory_stays_flat(self):
        peaks = []
        for count in 500, 10000:
            source = self.write("%d.txt" % count, ("word1\tword2 word3" + " " * 4000 + "\n") * count)
            process = support.start(["predict", "--model", self.run_folder + "/best", "--task", "where", "--threads", 1,
                                     "--input", source, "--output", self.path("out")])
            process.communicate(timeout=300)
            self.assertEqual(process.returncode, 0)
            with open(self.path("out"), encoding="utf-8") as stream:
                self.assertEqual(sum(1 for _ in stream), count)
            peaks.append(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
        self.assertLess(peaks[1] - peaks[0], 25000)  # kilobytes; 38 MB of text more

    # -- Choices -------------------------------------------------------------------------------------

    def test_choices(self):
        with open(self.choices, encoding="utf-8") as stream:
            rows = [json.loads(line) for line in stream]
        scores = json.loads(self.run_pals("eval", "--data_dir", self.glue, "--json").stdout)["tasks"]
        found = self.objects("which", "--input", self.choices)  # the columns are the task's own
        right = 0
        for row, item in zip(rows, found, strict=True):
            self.assertEqual(list(item), ["choice", "probabilities"])
            self.assertEqual(len(item["probabilities"]), len(row["choices"]))
            self.assertAlmostEqual(sum(item["probabilities"]), 1.0, places=6)
            self.assertEqual(item["choice"], item["probabilities"].index(max(item["probabilities"])))
            right += item["choice"] == row["label"]
        self.assertAlmostEqual(right / len(rows), scores["which"]["accuracy"], places=9)
        expected = self.predict("which", "--input", self.choices)
        for line, item in zip(expected, found):
            choice, probability = line.split("\t")
            self.assertEqual(int(choice), item["choice"])
            self.assertAlmostEqual(float(probability), max(item["probabilities"]), delta=1e-4)
        lines = "".join("\t".join([row["context"], *row["choices"]]) + "\n" for row in rows)
        self.assertEqual(self.predict("which", stdin=lines), expected)
        table = self.write("in.csv", csv_text([["number", "first", "x", "y", "z", "w"]] + [
            [number, row["context"], *(row["choices"] + ["", ""])[:4]] for number, row in enumerate(rows)]))
        self.assertEqual(self.predict("which", "--input", table, "--text_a", "first", "--choices", "x,y,z,w", "--id",
                                      "number"), ["%d\t%s" % item for item in enumerate(expected)])
        swag = os.path.join(self.root, "swag.csv")
        ends = [int(line.split("\t")[0]) for line in self.predict("ends", "--input", swag)]
        with open(swag, encoding="utf-8") as stream:
            labels = [int(line.rsplit(",", 1)[1]) for line in stream.read().splitlines()[1:]]
        right = sum(a == b for a, b in zip(ends, labels, strict=True))
        self.assertAlmostEqual(right / len(labels), scores["ends"]["accuracy"], places=9)

    # -- All kinds together --------------------------------------------------------------------------

    def test_all_kinds_in_one_batch(self):
        questions = questions_of(self.dev)
        with open(self.choices, encoding="utf-8") as stream:
            choices = [json.loads(line)["choices"] for line in stream]
        source = self.write("in.jsonl", "".join(
            json.dumps({"q": question, "c": context, "n": name, "list": some}) + "\n"
            for (name, question, context), some in zip(questions, choices)))
        columns = ["--input", source, "--text_a", "q", "--text_b", "c", "--id", "n"]
        found = self.objects("all", *columns, "--choices", "list")
        self.assertEqual(list(found[0]), ["id", "where", "sts", "which", "ends"])  # sst takes one text
        answers = read_json(self.root, "eval", "predictions.json")
        self.assertEqual({item["id"]: item["where"]["answer"] for item in found}, answers)
        for task in "sts", "which", "ends":
            alone = self.objects(task, *columns, *(["--choices", "list"] if task in ("which", "ends") else []))
            for one, item in zip(alone, found, strict=True):
                self.assertEqual(one.pop("id"), item["id"])
                for key, value in one.items():
                    shown = item[task][key]
                    if key in ("label", "choice"):
                        self.assertEqual(shown, value)
                        continue
                    pairs = (zip(shown, value, strict=True) if isinstance(value, list) else
                             [(shown[name], value[name]) for name in value] if isinstance(value, dict) else
                             [(shown, value)])
                    for a, b in pairs:
                        self.assertAlmostEqual(a, b, places=4)
        table = [line.split("\t") for line in self.predict("where,sts,which", *columns, "--choices", "list")]
        self.assertEqual(table[0], ["id", "where.answer", "where.probability", "where.score", "sts.value",
                                    "which.choice", "which.probability"])
        self.assertEqual([row[1] for row in table[1:]], [answers[row[0]] for row in table[1:]])
        squad = self.objects("sts,where", "--input", self.dev)  # the question and its context are a pair
        for item, one in zip(squad, found, strict=True):
            self.assertAlmostEqual(item["sts"]["value"], one["sts"]["value"], places=4)

    def test_errors(self):
        jsonl = self.write("in.jsonl", '{"question": "a", "context": "b", "more": "c"}\n')
        table = self.write("in.csv", "question,more\na,b\n")
        for task, flags, code, words in (
                ("where", [], 1, ["standard input:1", "no tab", "question<tab>context"]),
                ("where", ["--input", table], 1, ["in.csv:1", 'no column "context"']),
                ("where", ["--input", table, "--text_a", "question"], 2, ["--text_b is missing", "where"]),
                ("where", ["--input", jsonl, "--choices", "more"], 2, ["--choices: none of the tasks"]),
                ("where", ["--input", self.dev, "--text_a", "question"], 2, ["SQuAD"]),
                ("where", ["--input", self.write("bad.json", '{"data": 1}')], 1, ["bad.json", '"data"']),
                ("sst", ["--input", self.dev, "--input_format", "squad"], 2, ["none of the tasks", "span"]),
                ("which,where", ["--input", self.dev], 2, ["which chooses among texts", "SQuAD"]),
                ("which,where", [], 2, ["which chooses among texts", "--choices"]),
                ("which", ["--input", jsonl, "--text_a", "question", "--text_b", "context"], 2,
                 ["--choices is missing", "key of a list"]),
                ("sts", ["--input", jsonl], 2, ["--text_a is missing"]),
                ("sst", ["--input", self.dev, "--input_format", "jsonl", "--text_a", "a", "--text_b", "b"], 2,
                 ['"sst" takes one text', "two texts"]),
                ("sst,where", ["--input", self.dev], 2, ['"sst" takes one text', "two texts"]),
                ("which", ["--input", table, "--text_a", "question", "--choices", "more"], 2, ["--choices is missing"]),
                ("which", ["--input", jsonl], 1, ["in.jsonl:1", 'no key "choices"']),
                ("which", [], 1, ["standard input:1", "0 choices, want 2 to 256"]),
                ("sst", ["--id", "n"], 2, ["--id", "tables"])):
            with self.subTest(task=task, flags=flags):
                message = self.error("predict", "--model", self.run_folder + "/best", "--tasks", task, "--threads", "1",
                                     *flags, code=code, stdin="no tab in here\n")
                self.check_words(message, *words)


if __name__ == "__main__":
    unittest.main()
