#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <regex>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "cli/commands.h"

namespace pals {
namespace {

using Arguments = std::vector<std::string>;

class ConfigFile : public testing::Test {
 protected:
  void TearDown() override { ::unlink(path_.c_str()); }

  Arguments expand(const std::string& content, Arguments before = {"train"}) {
    write_file_atomically(path_, content);
    before.insert(before.end(), {"--config", path_});
    return expand_arguments(before);
  }

  std::string path_ = testing::TempDir() + "pals_config_" + std::to_string(::getpid()) + ".json";
};

struct Outcome {
  int code;
  std::string out, err;
};

Outcome run(Arguments arguments) {
  arguments.insert(arguments.begin(), "pals");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const int code = run_program(static_cast<int>(argv.size()), argv.data());
  std::string out = testing::internal::GetCapturedStdout();
  return {code, std::move(out), testing::internal::GetCapturedStderr()};
}

TEST(ExpandArguments, TurnsDashesOfFlagsAlone) {
  EXPECT_EQ(expand_arguments({"train", "--train-batch-size", "--output-dir=a-b/c-d", "x-y", "-h"}),
            (Arguments{"train", "--train_batch_size", "--output_dir=a-b/c-d", "x-y", "-h"}));
  EXPECT_EQ(expand_arguments({"--no-cuda", "--", "-", ""}),
            (Arguments{"--no_cuda", "--", "-", ""}));
  EXPECT_EQ(expand_arguments({}), Arguments());
}

TEST_F(ConfigFile, OptionsStandBeforeTheFlags) {
  EXPECT_EQ(expand(R"({"seed": 7, "tasks": "rte,sst", "learning_rate": 2e-05, "max-steps": 3})",
                   {"train", "--seed", "8"}),
            (Arguments{"train", "--learning_rate=2e-05", "--max_steps=3", "--seed=7",
                       "--tasks=rte,sst", "--seed", "8"}));
  write_file_atomically(path_, R"({"seed": 7})");
  EXPECT_EQ(expand_arguments({"eval", "--config=" + path_}), (Arguments{"eval", "--seed=7"}));
}

TEST_F(ConfigFile, TruthValuesAreWritten) {
  EXPECT_EQ(expand(R"({"freeze": true, "multi": false, "task_file": "", "dropout": -1.0})"),
            (Arguments{"train", "--dropout=-1.0", "--freeze=true", "--multi=false"}));
}

TEST_F(ConfigFile, ValuesCannotBecomeFlags) {
  EXPECT_EQ(expand(R"({"tasks": "--freeze", "vocab_file": "a b"})"),
            (Arguments{"train", "--tasks=--freeze", "--vocab_file=a b"}));
}

TEST_F(ConfigFile, ListsOfTextsAreWrittenWithCommas) {
  EXPECT_EQ(expand(R"({"tasks": ["rte", "sst"], "teacher": []})"),
            (Arguments{"train", "--tasks=rte,sst"}));
}

TEST_F(ConfigFile, RefusesWhatIsNoOption) {
  EXPECT_THROW(expand(R"({"tasks": ["rte", 1]})"), UsageError);
  EXPECT_THROW(expand(R"({"tasks": null})"), UsageError);
  EXPECT_THROW(expand(R"({"tasks": {"a": 1}})"), UsageError);
  EXPECT_THROW(expand("[]"), UsageError);
  EXPECT_THROW(expand("{"), Error);
  EXPECT_THROW(expand_arguments({"train", "--config"}), UsageError);
  EXPECT_THROW(expand_arguments({"train", "--config", path_ + ".none"}), Error);
}

TEST(Program, AnswersHelpAndVersion) {
  EXPECT_EQ(run({"--version"}).code, 0);
  for (const char* command : {"train", "eval", "predict", "info"}) {
    const Outcome help = run({command, "--help"});
    EXPECT_EQ(help.code, 0);
    EXPECT_NE(help.out.find(command), std::string::npos);
    EXPECT_EQ(help.err, "");
  }
  EXPECT_EQ(run({"info"}).code, 0);
}

// What bash offers for the words of a command line, the last of which is being typed.
std::string offers(const std::string& script, const std::string& words) {
  const std::string path = testing::TempDir() + "pals_words_" + std::to_string(::getpid()) + ".sh";
  write_file_atomically(path, script + "COMP_WORDS=(" + words +
                                  ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_pals\n" +
                                  "echo \"${COMPREPLY[*]}\" >\"$0.out\"\n");
  EXPECT_EQ(std::system(("bash " + path).c_str()), 0);
  std::string answer = read_file(path + ".out", 1 << 16);
  ::unlink(path.c_str());
  ::unlink((path + ".out").c_str());
  return answer;
}

TEST(Program, CompletesCommandsFlagsAndValues) {
  const std::string script = run({"completion", "bash"}).out;
  EXPECT_EQ(offers(script, "pals tra"), "train transfer\n");
  EXPECT_EQ(offers(script, "pals train --learn"), "--learning_rate\n");
  EXPECT_EQ(offers(script, "pals train --sample a"), "anneal auto\n");
  EXPECT_EQ(offers(script, "pals train --sample ''"), "rr prop sqrt anneal temperature auto\n");
  EXPECT_EQ(offers(script, "pals eval --learn"), "\n");
  EXPECT_EQ(run({"completion", "csh"}).code, 2);
}

// The words that begin with two dashes.
std::set<std::string> flags_in(const std::string& text) {
  const std::regex flag("--[a-z][a-z0-9_-]*");
  std::set<std::string> flags;
  for (std::sregex_iterator found(text.begin(), text.end(), flag), end; found != end; ++found) {
    flags.insert(found->str());
  }
  return flags;
}

// The names of the commands, as --help lists them.
Arguments command_names() {
  const std::string help = run({"--help"}).out;
  const std::string list = help.substr(help.find("Subcommands:"));
  const std::regex name("\n  ([a-z][a-z-]*)");
  Arguments names;
  for (std::sregex_iterator found(list.begin(), list.end(), name), end; found != end; ++found) {
    names.push_back((*found)[1]);
  }
  return names;
}

// A page as troff shows it, which must have nothing to warn of.
std::string formatted(const std::string& page) {
  const std::string path = testing::TempDir() + "pals_page_" + std::to_string(::getpid()) + ".1";
  write_file_atomically(path, page);
  const std::string command = "groff -man -Tutf8 -ww -P-cbou " + path;
  EXPECT_EQ(std::system((command + " >" + path + ".txt 2>" + path + ".err").c_str()), 0);
  EXPECT_EQ(read_file(path + ".err", 1 << 16), "");
  std::string text = read_file(path + ".txt", 1 << 20);
  for (const char* ending : {"", ".txt", ".err"}) ::unlink((path + ending).c_str());
  return text;
}

TEST(Program, HasAManualPageForEachCommand) {
  const bool has_groff = std::system("command -v groff >/dev/null") == 0;
  const Arguments names = command_names();
  ASSERT_GT(names.size(), 10U);
  const Outcome whole = run({"man"});
  EXPECT_EQ(whole.code, 0) << whole.err;
  EXPECT_TRUE(whole.out.starts_with(".TH PALS 1 ")) << whole.out;
  if (has_groff) {
    const std::string text = formatted(whole.out);
    for (const std::string& name : names) {
      EXPECT_NE(text.find("\n       " + name), std::string::npos) << name;
      EXPECT_NE(text.find("pals-" + name + "(1)"), std::string::npos) << name;
    }
  }
  for (const std::string& name : names) {
    const Outcome page = run({"man", name});
    EXPECT_EQ(page.code, 0) << page.err;
    const std::regex hyphen(R"(\\-)");
    const std::set<std::string> flags = flags_in(std::regex_replace(page.out, hyphen, "-"));
    for (const std::string& flag : flags_in(run({name, "--help"}).out)) {
      EXPECT_TRUE(flags.contains(flag)) << name << " " << flag;
    }
    if (!has_groff) continue;
    const std::string text = formatted(page.out);
    EXPECT_NE(text.find("pals " + name + " [FLAG]..."), std::string::npos) << text;
    EXPECT_NE(text.find("--help"), std::string::npos) << text;
  }
  if (!has_groff) GTEST_SKIP() << "there is no groff to format the pages";
}

TEST(Program, ManualPagesEscapeWhatTroffWouldTake) {
  const std::string page = run({"man", "train"}).out;
  EXPECT_NE(
      page.find("\\fB\\-\\-init_checkpoint\\fR, \\fB\\-\\-model_name_or_path\\fR \\fITEXT\\fR"),
      std::string::npos);
  EXPECT_NE(run({"man", "predict"}).out.find("echo \\(aqa moving"), std::string::npos);
  EXPECT_NE(page.find("\\-\\-data_dir glue \\-\\-init_checkpoint minilm \\e\n"), std::string::npos)
      << "a backslash";
  EXPECT_TRUE(std::all_of(page.begin(), page.end(),
                          [](char c) { return c == '\n' || (c >= ' ' && c < 0x7f); }));
  const std::set<std::string> known = {"TH", "SH", "SS", "TP", "PP", "nf", "fi", "nh", "ad"};
  const std::regex request("\n[.']([^ \n]*)");
  for (std::sregex_iterator found(page.begin(), page.end(), request), end; found != end; ++found) {
    EXPECT_TRUE(known.contains((*found)[1])) << found->str();
  }
}

TEST(Program, NamesTheNearestFlagOrCommand) {
  const Outcome flag = run({"train", "--adaptor-size", "12"});
  EXPECT_EQ(flag.code, 2);
  EXPECT_NE(flag.err.find("did you mean \"--adapter_size\"?"), std::string::npos) << flag.err;
  const Outcome command = run({"evla"});
  EXPECT_EQ(command.code, 2);
  EXPECT_NE(command.err.find("did you mean \"eval\"?"), std::string::npos) << command.err;
  const Outcome page = run({"man", "evla"});
  EXPECT_EQ(page.code, 2);
  EXPECT_NE(page.err.find("did you mean \"eval\"?"), std::string::npos) << page.err;
}

// What the program says to arguments that it refuses, which all are mistakes of usage.
std::string refusal(const Arguments& arguments) {
  const Outcome outcome = run(arguments);
  EXPECT_EQ(outcome.code, 2) << outcome.err;
  EXPECT_LE(outcome.err.size(), 300U) << outcome.err;
  return outcome.err;
}

void expect_words(const std::string& text, const std::string& words) {
  EXPECT_NE(text.find(words), std::string::npos) << text << " lacks " << words;
}

TEST(Program, KnowsTheHabitsOfOtherPrograms) {
  expect_words(refusal({"help"}), "did you mean `pals --help`?");
  expect_words(refusal({"help", "train"}), "did you mean `pals train --help`?");
  expect_words(refusal({"help", "nonsense"}), "did you mean `pals --help`?");
  expect_words(refusal({"version"}), "did you mean `pals --version`?");
  expect_words(refusal({"evaluate", "--model", "m"}), "did you mean `pals eval`?");
  for (const auto& [flag, words] :
       {std::pair{"--model", "did you mean \"--init_checkpoint\"?"},
        std::pair{"--output", "did you mean \"--output_dir\"?"},
        std::pair{"--data", "did you mean \"--task_file\" or \"--data_dir\"?"},
        std::pair{"--weight-decay", "weight decay is fixed at 0.01"},
        std::pair{"--warmup_steps", "did you mean \"--warmup_proportion\"?"}}) {
    expect_words(refusal({"train", flag, "x"}), words);
    expect_words(refusal({"train", std::string(flag) + "=x"}), words);
  }
}

TEST(Program, SaysWhatIsExpectedOfCompletionAndOfFlags) {
  for (const Arguments& arguments : {Arguments{"completion"}, Arguments{"completion", "zsh"}}) {
    expect_words(refusal(arguments), "expected `pals completion bash`");
  }
  const std::string help = run({"--help"}).out;
  expect_words(help, "pals man [COMMAND]");
  expect_words(help, "pals completion bash");
  expect_words(refusal({"completoin"}), "did you mean \"completion\"?");
  expect_words(run({"trian", "x"}).err, "man, completion)");
  expect_words(refusal({"--foo"}), "unknown argument \"--foo\" where a command is expected");
  expect_words(refusal({"--seed=3", "train"}), "\"--seed=3\"");
  expect_words(refusal({"--versoin"}), "did you mean \"--version\"?");
  expect_words(refusal({"train", "--learning-rate"}), "(see `pals train --help`)");
  expect_words(refusal({}), "(see `pals --help`)");
}

TEST(Program, NamesTheBlankThatCutsAList) {
  expect_words(refusal({"compare", "--adapters", "pals,", "low_rank"}),
               "the blank before \"low_rank\" ends the list; write pals,low_rank");
  expect_words(refusal({"train", "--tasks", "rte", ",mrpc"}), "write rte,mrpc");
  expect_words(refusal({"train", "--tasks", "rte", "mrpc"}), "unknown argument \"mrpc\"");
}

TEST(Program, NamesTheRunThatIsMissing) {
  const Outcome missing = run({"report", "/nonexistent/run"});
  EXPECT_EQ(missing.code, 1);
  EXPECT_EQ(missing.err, "pals: /nonexistent/run: no such run folder\n");
}

TEST(Program, NamesTheFlagThatAFileLacks) {
  for (const auto& [command, argument, flag] :
       {std::tuple{"train", "tasks.json", "--task_file tasks.json"},
        std::tuple{"plan", "no/tasks.json", "--task_file no/tasks.json"},
        std::tuple{"train", "/", "--init_checkpoint /"}, std::tuple{"eval", "/", "--model /"},
        std::tuple{"predict", "/dev/null", "--input /dev/null"}}) {
    const Outcome outcome = run({command, argument});
    EXPECT_EQ(outcome.code, 2);
    EXPECT_NE(outcome.err.find(concat("did you mean ", flag, "?")), std::string::npos)
        << outcome.err;
  }
  EXPECT_NE(run({"train", "rte"}).err.find("unknown argument \"rte\""), std::string::npos);
}

TEST(Program, MistakesAreOneLine) {
  const std::vector<Arguments> all = {{},
                                      {"nonsense"},
                                      {"train"},
                                      {"predict"},
                                      {"eval", "extra"},
                                      {"train", "--seed", "x"},
                                      {"train", "--seed"},
                                      {"eval", "--threads", "-1"},
                                      {"man", "nonsense"},
                                      {"man", "train", "eval"},
                                      {"man", "--help"},
                                      {"--wrong"}};
  for (const Arguments& arguments : all) {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.code, 2) << outcome.err;
    EXPECT_TRUE(outcome.err.starts_with("pals: ")) << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_EQ(outcome.out, "");
  }
  EXPECT_EQ(run({"eval", "--model", "/nonexistent/model"}).code, 1);
}

}  // namespace
}  // namespace pals
