"""What a user does wrong gets one line that says what is wrong, and the right exit code."""

import os
import resource
import shutil
import unittest

import support
from support import PalsTest, read_safetensors

USAGE, RUN = 2, 1


class Usage(PalsTest):
    def usage(self, *flags, tasks="rte", **options):
        return self.error(*self.train_arguments("run", *flags, tasks=tasks), code=USAGE, **options)

    def test_unknown_names_and_the_nearest(self):
        self.check_words(self.usage("--learning_rat", "1"), "--learning_rat", 'did you mean "--learning_rate"?')
        self.check_words(self.usage("--adaptor=pals"), "--adaptor", "--adapter")
        self.check_words(self.usage(tasks="rte,mrcp"), '"mrcp"', 'did you mean "mrpc"?')
        self.check_words(self.usage("--adapter", "pal"), '"pal"', 'did you mean "pals"?', "top_attention")
        self.check_words(self.usage("--sample", "aneal"), "aneal", "anneal")
        self.check_words(self.usage("--optim", "adam"), "adam", "normal or split")
        self.check_words(self.usage("--schedule", "linear"), "linear", "warmup_linear")
        self.check_words(self.usage("--precision", "fp16", "--device", "cpu"), "fp16", "GPU", "bf16")
        self.check_words(self.usage("--precision", "tf32", "--no_cuda"), "tf32", "GPU")
        self.check_words(self.usage("--precision", "int8"), "int8", "prediction")
        self.check_words(self.usage(tasks="all,rte"), "all")
        self.check_words(self.error("trian", code=USAGE), "trian", "train")
        self.check_words(self.error(code=USAGE), "--help")
        self.assertFalse(os.path.exists(self.path("run", "run_config.json")))

    def test_devices(self):
        self.check_words(self.usage("--device", "gpu"), '"gpu"', "auto, cpu, cuda or cuda:NUMBER")
        self.check_words(self.usage("--device", "cuda:x"), '"cuda:x"')
        self.check_words(self.usage("--device", "cuda:99"), "--device cuda:99")
        self.check_words(self.usage("--device", "cuda:0", "--no_cuda"), "--no_cuda", "--device cuda:0")
        for command in "eval", "predict", "submit", "features":
            error = self.error(command, "--model", self.model, "--data_dir" if command in ("eval", "submit") else "--input",
                               "/dev/null", "--device", "cuda:99", code=USAGE)
            self.check_words(error, "--device cuda:99")

    def test_values(self):
        self.check_words(self.usage("--train_batch_size", "0"), "--train_batch_size", "0")
        self.check_words(self.usage("--train_batch_size", "many"), "--train_batch_size", "many")
        self.check_words(self.usage("--gradient_accumulation_steps", "3"), "--gradient_accumulation_steps", "3", "8")
        self.check_words(self.usage("--save_checkpoints_steps", "0"), "--save_checkpoints_steps is 0")
        self.check_words(self.usage("--learning_rate", "-1"), "--learning_rate")
        self.check_words(self.usage("--learning_rate", "nan"), "--learning_rate")
        self.check_words(self.usage("--num_train_epochs", "inf"), "--num_train_epochs")
        self.check_words(self.usage("--max_steps", "-4"), "--max_steps")
        self.check_words(self.usage("--steps_per_epoch", "-4"), "--steps_per_epoch")
        self.check_words(self.usage("--warmup_proportion", "1.5"), "--warmup_proportion", "1.5")
        self.check_words(self.usage("--dropout", "1"), "--dropout")
        self.check_words(self.usage("--dropout", "nan"), "--dropout")
        self.check_words(self.usage("--task_id", "8", tasks="single"), "--task_id", "8", "7 qnli")
        self.check_words(self.usage("--max_seq_length", "4000"), "--max_seq_length", "4000",
                         str(support.POSITIONS))
        self.check_words(self.usage("--max_seq_length", "1"), "max_seq_length", "1")
        self.check_words(self.usage("--adapter_layers", "0-7", "--adapter", "pals"), "layer 2", "0 to 1")
        self.check_words(self.usage("--adapter_layers", "x", "--adapter", "pals"), '"x"', "6-11")
        self.check_words(self.usage("--adapter_size", "-6", "--adapter", "pals"), "--adapter_size")
        self.check_words(self.usage("--adapter_size", "12"), "--adapter_size needs --adapter", "low_rank")
        self.check_words(self.usage("--adapter", "lhuc", "--adapter_size", "12"), "--adapter_size", "lhuc", "has none")
        self.check_words(self.usage("--adapter", "pals", "--rank", "2"), "--rank", "pals", "it has size")
        self.check_words(self.usage("--adapter", "lora", "--h_aug", "12"), "--adapter_size", "lora", "rank, alpha, targets")
        self.check_words(self.usage("--threads", "-1"), "--threads")
        self.check_words(self.usage("--output_dir"), "--output_dir")

    def test_flags_that_would_change_nothing(self):
        for flag, value in (("--doc_stride", "64"), ("--n_best_size", "3"), ("--null_score_diff_threshold", "1")):
            self.check_words(self.usage(flag, value), flag, "--kind span")
        self.check_words(self.usage("--version_2_with_negative"), "--version_2_with_negative", "--kind span")
        self.check_words(self.usage("--task_name", "mine"), "--task_name", "--kind")

    def test_sizes_that_do_not_divide(self):
        self.check_words(self.usage("--adapter", "pals", "--adapter_size", "20"), "20", "6", "18 and 24")
        self.check_words(self.usage("--adapter", "pals", "--h_aug", "5"), "5", "nearest sizes: 6")
        self.check_words(self.usage("--adapter", "top_attention", "--adapter_size", "30"), "30", "12", "24 and 36")
        config = support.write_json(self.path("pals.json"),
                                    support.bert_config(hidden_size_aug=16, mult=True, pals=True))
        self.check_words(self.usage("--bert_config_file", config), "pals.json", "16", "12 and 18")

    def test_missing_flags(self):
        self.check_words(self.error("train", code=USAGE), "--output_dir")
        self.check_words(self.error("train", "--output_dir", self.path("run"), code=USAGE), "--init_checkpoint is missing",
                         "--model_name_or_path", "setup.sh --weights", "--bert_config_file")
        self.check_words(self.error("eval", code=USAGE), "--model")
        self.check_words(self.error("predict", code=USAGE), "--model")

    def test_habits_of_other_programs(self):
        self.check_words(self.error("help", "train", code=USAGE), "did you mean `pals train --help`?")
        self.check_words(self.error("completion", code=USAGE), "`pals completion bash`")
        self.check_words(self.error("--foo", code=USAGE), '"--foo"', "command")
        self.check_words(self.usage("--weight_decay", "0"), "fixed at 0.01")
        self.check_words(self.usage("--model", self.model), 'did you mean "--init_checkpoint"?')
        self.check_words(self.usage("--learning_rate"), "`pals train --help`")

    def test_what_is_not_there(self):
        tasks = support.write_json(self.path("tasks.json"), {"tasks": []})
        missing = self.error("train", "--task_file", self.path("task.json"), "--init_checkpoint", self.model,
                             "--output_dir", self.path("run"), code=RUN)
        self.check_words(missing, "--task_file: there is no file", f'did you mean "{tasks}"?')
        self.check_words(self.error("report", "nope", code=RUN), "pals: nope: no such run folder")
        self.check_words(self.error(*self.train_arguments("run", model="all-MiniLM-L6-v2"), code=RUN),
                         "--init_checkpoint", "hf://OWNER/all-MiniLM-L6-v2")
        os.makedirs(self.path("young"))
        support.write_json(self.path("young", "run_config.json"), {})
        self.check_words(self.error("predict", "--model", self.path("young"), code=RUN, stdin="a\n"),
                         "no model yet", self.path("young", "best"), "first evaluation")

    def test_config_files(self):
        path = self.path("options.json")
        support.write_text(path, '{"learning_rat": 1}')
        self.check_words(self.usage("--config", path), "learning_rat", 'did you mean "--learning_rate"?')
        support.write_text(path, '{"tasks": ["rte", 1]}')
        self.check_words(self.usage("--config", path), path, '"tasks"')
        support.write_text(path, "[]")
        self.check_words(self.usage("--config", path), path)
        support.write_text(path, '{"tasks":\n "rte"')
        self.check_words(self.error("train", "--config", path, code=RUN), path + ":2")
        self.check_words(self.error("train", "--config", path + "x", code=RUN), path + "x")
        self.check_words(self.error("train", "--config", code=USAGE), "--config")

    def test_bert_configuration(self):
        path = self.path("bert.json")
        support.write_json(path, support.bert_config(hiden_size=48))
        self.check_words(self.error(*self.train_arguments("run", "--bert_config_file", path), code=RUN),
                         path, "hiden_size", "hidden_size")
        support.write_json(path, support.bert_config(position_embedding_type="relative_key"))
        self.check_words(self.error(*self.train_arguments("run", "--bert_config_file", path), code=RUN),
                         "position_embedding_type")


class Data(PalsTest):
    def data_error(self, text, *words, folder="RTE", file="train.tsv", encoding="utf-8"):
        """Trains on RTE with one file replaced."""
        data = self.path("glue")
        for name in "train.tsv", "dev.tsv":
            with open(os.path.join(self.glue, folder, name), encoding="utf-8") as stream:
                support.write_text(os.path.join(data, folder, name), stream.read())
        path = support.write_text(os.path.join(data, folder, file), text, encoding)
        message = self.error(*self.train_arguments("run", "--max_steps", "2", "--data_dir", data, tasks="rte"),
                             code=RUN)
        self.check_words(message, *words)
        self.assertIn(path, message)
        self.assertFalse(os.path.exists(self.path("run")), message)

    def test_bad_rows(self):
        head = "index\tsentence1\tsentence2\tlabel\n0\ta b\tc d\tentailment\n"
        self.data_error(head + "1\ta\tb\tentailement\n", "train.tsv:3", "entailement", "entailment")
        self.data_error(head + "1\ta\n", "train.tsv:3", "2 columns")
        self.data_error(head + "1\ta\tb\tentailement\n", "dev.tsv:3", file="dev.tsv")
        self.data_error("index\tsentence1\tsentence2\tlabel\n", "no ")
        self.data_error("", "train.tsv")
        self.data_error(head + "1\t\u00fc\tb\tentailment\n", "train.tsv:3", "UTF-8", encoding="latin-1")

    def test_missing_files(self):
        message = self.error(*self.train_arguments("run", "--data_dir", self.path("nowhere")), code=RUN)
        self.check_words(message, self.path("nowhere"), "--data_dir")
        message = self.error(*self.train_arguments("run", "--data_dir", self.glue + "/RTE"), code=RUN)
        self.check_words(message, "RTE/train.tsv")
        message = self.error(*self.train_arguments("run", model=self.path("nowhere")), code=RUN)
        self.check_words(message, self.path("nowhere"))
        os.makedirs(self.path("empty"))
        message = self.error(*self.train_arguments("run", model=self.path("empty")), code=RUN)
        self.check_words(message, self.path("empty"), "config.json")
        message = self.error("eval", "--model", self.path("nowhere"), code=RUN)
        self.check_words(message, self.path("nowhere"))
        message = self.error("eval", "--model", self.model, "--data_dir", self.glue, code=RUN)
        self.check_words(message, self.model, "pals train")

    def test_own_task_columns(self):
        rows = "review,verdict\nsplendid,1\ndreadful,0\n"
        support.write_text(self.path("data.csv"), rows)
        task = {"name": "mine", "kind": "classification", "text_a": "reviw", "label": "verdict",
                "train": "data.csv", "dev": "data.csv"}

        def message(code, **changes):
            file = support.write_json(self.path("mine.json"), {"tasks": [dict(task, **changes)]})
            return self.error("train", "--task_file", file, "--init_checkpoint", self.model, "--output_dir",
                              self.path("run"), code=code)

        self.check_words(message(RUN), "data.csv", "reviw", "review")
        self.check_words(message(USAGE, kind="clasification"), "clasification", "classification")
        self.check_words(message(USAGE, text_c="x"), "text_c", "text_a")
        self.check_words(message(RUN, text_a="review", labels=["0", "2"]), "data.csv:2", '"1"')
        self.check_words(message(RUN, text_a="review", kind="regression", train="none.csv"), "none.csv")

    def test_damaged_weights(self):
        model = support.make_model(self.path("model"))
        weights = self.path("model", "model.safetensors")
        with open(weights, "rb") as stream:
            data = stream.read()
        with open(weights, "wb") as stream:
            stream.write(data[:-100])
        self.check_words(self.error(*self.train_arguments("run", model=model), code=RUN), weights)
        tensors = support.random_weights()
        shape, values = tensors.pop("encoder.layer.1.output.dense.weight")
        support.write_safetensors(weights, tensors)
        self.check_words(self.error(*self.train_arguments("run", model=model), code=RUN), weights,
                         "encoder.layer.1.output.dense.weight")
        tensors["encoder.layer.1.output.dense.weight"] = (shape[1], shape[0]), values
        support.write_safetensors(weights, tensors)
        self.check_words(self.error(*self.train_arguments("run", model=model), code=RUN), "[96, 48]", "[48, 96]")


class Folders(PalsTest):
    def test_other_options_in_the_same_folder(self):
        run = self.train("run", "--max_steps", "2")
        for flags in (["--max_steps", "1"], ["--max_steps", "2", "--seed", "1"],
                      ["--max_steps", "2", "--adapter", "pals"]):
            message = self.error(*self.train_arguments("run", *flags), code=USAGE)
            self.check_words(message, run, "--overwrite_output_dir", flags[-2][2:])
        self.train("run", "--max_steps", "3", "--overwrite_output_dir")
        self.assertEqual(len(support.metrics(run)[0]), 3)

    def test_other_data_under_a_run(self):
        glue = self.path("glue")
        shutil.copytree(self.glue, glue)
        flags = ["--data_dir", glue, "--max_steps", "2"]
        self.train("run", *flags)
        with open(os.path.join(glue, "RTE", "train.tsv"), encoding="utf-8") as stream:
            lines = stream.read().splitlines()
        support.write_text(os.path.join(glue, "RTE", "train.tsv"), "\n".join(lines[:-1]) + "\n")
        message = self.error(*self.train_arguments("run", *flags), code=RUN)
        self.check_words(message, "content of rte's train file", "--output_dir")

    def test_pairs_need_two_token_types(self):
        model = self.path("model")
        shutil.copytree(self.model, model)
        support.write_json(os.path.join(model, "config.json"), support.bert_config(type_vocab_size=1))
        message = self.error(*self.train_arguments("run", tasks="sst,rte", model=model), code=RUN)
        self.check_words(message, "config.json", "type_vocab_size is 1", "rte")

    def test_a_run_that_leaves_the_numbers(self):
        message = self.error(*self.train_arguments("run", "--learning_rate", "1e9", "--warmup_proportion", "0",
                                                   "--max_steps", "1"), code=RUN)
        self.check_words(message, "after step 1", "not finite", "--learning_rate")

    def test_a_task_number_left_out(self):
        self.train("run", "--max_steps", "2", "--task_id", "3", tasks="single")
        message = self.error(*self.train_arguments("run", "--max_steps", "2", tasks="single"), code=USAGE)
        self.check_words(message, "other values of tasks")

    def test_a_failed_start_does_not_bind(self):
        """Options that were wrong are corrected and given again, in the same folder."""
        self.error(*self.train_arguments("run", "--max_steps", "2", "--adapter", "pals", "--adapter_size", "7"),
                   code=USAGE)
        self.error(*self.train_arguments("run", "--max_steps", "2", "--adapter", "pals", "--data_dir",
                                         self.path("nowhere"), "--seed", "7"), code=RUN)
        self.train("run", "--max_steps", "2", "--adapter", "pals", "--adapter_size", "6")

    def test_overwriting_waits_for_a_valid_command(self):
        run = self.train("run", "--max_steps", "2")
        self.error(*self.train_arguments("run", "--max_steps", "2", "--overwrite_output_dir", "--adapter", "pls"),
                   code=USAGE)
        self.assertTrue(os.path.exists(run + "/final/model.safetensors"))

    def test_two_at_once(self):
        flags = ["--max_steps", "4000"]
        first = support.start(self.train_arguments("run", *flags))
        while first.poll() is None and not os.path.exists(self.path("run", "metrics.jsonl")):
            pass
        message = self.error(*self.train_arguments("run", *flags), code=RUN)
        self.check_words(message, self.path("run"), "another process")
        first.kill()
        first.communicate()

    def test_unwritable(self):
        support.write_text(self.path("file"), "")
        message = self.error(*self.train_arguments("file/run"), code=RUN)
        self.check_words(message, self.path("file", "run"))
        os.makedirs(self.path("locked"), mode=0o500)
        if os.geteuid() != 0:
            message = self.error(*self.train_arguments("locked/run"), code=RUN)
            self.check_words(message, self.path("locked", "run"), "permission")
        os.makedirs(self.path("run", "checkpoints"))
        os.makedirs(self.path("run", "metrics.jsonl"))
        support.write_json(self.path("run", "run_config.json"), {})
        self.check_words(self.error(*self.train_arguments("run", "--max_steps", "2"), code=RUN), "metrics.jsonl")

    def limited(self, run, limit, *flags):
        """A command that may write files of up to `limit` bytes: as on a full disk, a write fails."""
        def set_limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        # restore_signals=False: SIGXFSZ stays ignored, as Python has it.
        return self.error(*self.train_arguments(run, *flags), code=RUN, preexec_fn=set_limit,
                          restore_signals=False)

    def test_full_disk_keeps_the_last_checkpoint(self):
        flags = ["--max_steps", "300", "--num_train_epochs", "2", "--save_checkpoints_steps", "10", "--adapter", "pals"]
        whole = self.train("whole", *flags)
        size = os.path.getsize(whole + "/checkpoints/step-0000000300.safetensors")
        message = self.limited("run", size - 1000, *flags)
        self.check_words(message, "step-0000000010.safetensors")
        self.assertEqual(os.listdir(self.path("run", "checkpoints")), [])

        # One good checkpoint, then none can be written: it stays, and nothing half written beside it.
        process = support.start(self.train_arguments("later", *flags))
        while process.poll() is None and not os.path.exists(
                self.path("later", "checkpoints", "step-0000000010.safetensors")):
            pass
        process.kill()
        process.communicate()
        kept = sorted(os.listdir(self.path("later", "checkpoints")))
        self.limited("later", size - 1000, *flags)
        kept = [name for name in kept if ".tmp." not in name]
        self.assertEqual(sorted(os.listdir(self.path("later", "checkpoints"))), kept)
        for run in "run", "later":
            self.train(run, *flags)
            self.assertEqual(support.metrics(self.path(run)), support.metrics(whole))
            self.assertEqual(read_safetensors(self.path(run, "final", "model.safetensors")),
                             read_safetensors(whole + "/final/model.safetensors"))


if __name__ == "__main__":
    unittest.main()
