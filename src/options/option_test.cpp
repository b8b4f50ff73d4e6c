#include "options/option.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <stdexcept>

#include "base/error.h"
#include "options/choices.h"
#include "options/device_choice.h"
#include "options/help.h"

namespace pals {
namespace {

struct Values {
  std::string text = "as it was";
  bool flag = false, on = true;
  std::optional<bool> open_flag;
  int number = 4;
  int64_t wide = 0;
  uint64_t seed = 42;
  double rate = 5e-5;
  std::optional<int> count;
  Sampling sample = Sampling::kRoundRobin;
  std::optional<Schedule> schedule;
  std::vector<PrecisionChoice> precisions = {PrecisionChoice::kFloat, PrecisionChoice::kBFloat16};
  DeviceChoice device;
};

OptionList options_of(Values& v) {
  OptionList list;
  list.add("Words", {{.name = "text", .field = v.text, .help = "some `text`", .needed = true},
                     {.name = "sample", .field = v.sample, .help = "order"},
                     {.name = "schedule", .field = v.schedule, .help = "vectors"},
                     {.name = "precisions", .field = v.precisions, .help = "types"},
                     {.name = "device", .field = v.device, .help = "what computes"}});
  list.add("Numbers", {{.name = "number",
                        .aliases = {"amount"},
                        .field = v.number,
                        .range = between(0, 9),
                        .help = "how many",
                        .more = ", at most",
                        .may_differ = MayDiffer::kAmongRanks},
                       {.name = "wide", .field = v.wide, .range = kPositive},
                       {.name = "seed", .field = v.seed, .may_differ = MayDiffer::kAfterResuming},
                       {.name = "rate", .field = v.rate, .range = kAboveZero},
                       {.name = "count", .field = v.count, .range = between(1, 3)}});
  list.add("Switches", {{.name = "flag", .field = v.flag},
                        {.name = "on", .field = v.on, .takes_value = true},
                        {.name = "open_flag", .field = v.open_flag},
                        {.name = "secret", .help = "hidden", .hidden = true, .saved = false}});
  return list;
}

const Option& find(const OptionList& list, const std::string& name) {
  for (const Option& row : list.rows()) {
    if (row.name == name) return row;
  }
  throw std::out_of_range(name);
}

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

TEST(Option, ATextEachTime) {
  std::vector<std::string> texts;
  OptionList list;
  list.add("", {{.name = "text", .field = texts, .help = "a text"}});
  const Option& row = list.rows().front();
  EXPECT_TRUE(row.field.is_repeated());
  EXPECT_FALSE(row.field.is_list());
  EXPECT_EQ(row.value_text(), "");
  row.read("a, b");
  row.read("");
  EXPECT_EQ(texts, (std::vector<std::string>{"a, b", ""}));
  EXPECT_EQ(row.value_text(), "");
  EXPECT_NO_THROW(list.check());
}

TEST(Option, ReadsEachType) {
  Values values;
  const OptionList list = options_of(values);
  const auto read = [&](const char* name, const char* text) { find(list, name).read(text); };
  read("text", "");
  read("sample", "anneal");
  read("schedule", "warmup_cosine");
  read("precisions", "int8, fp32,int8");
  read("device", "cuda:3");
  read("number", "+7");
  read("wide", "-9000000000");
  read("seed", "18446744073709551615");
  read("rate", "2e-5");
  read("count", "2");
  read("flag", "true");
  read("on", "0");
  read("open_flag", "false");
  read("secret", "anything");
  EXPECT_EQ(values.text, "");
  EXPECT_EQ(values.sample, Sampling::kAnneal);
  EXPECT_EQ(values.schedule, Schedule::kWarmupCosine);
  EXPECT_EQ(values.precisions,
            (std::vector<PrecisionChoice>{PrecisionChoice::kInt8, PrecisionChoice::kFloat}));
  EXPECT_EQ(values.device, (DeviceChoice{DeviceType::kGpu, 3}));
  EXPECT_EQ(values.number, 7);
  EXPECT_EQ(values.wide, -9'000'000'000);
  EXPECT_EQ(values.seed, UINT64_MAX);
  EXPECT_EQ(values.rate, 2e-5);
  EXPECT_EQ(values.count, 2);
  EXPECT_TRUE(values.flag);
  EXPECT_FALSE(values.on);
  EXPECT_EQ(values.open_flag, false);
}

TEST(Option, RefusesWhatIsNotOfItsType) {
  Values values;
  const OptionList list = options_of(values);
  const std::vector<std::pair<const char*, const char*>> wrong = {{"number", "9000000000"},
                                                                  {"number", "x"},
                                                                  {"number", "1.5"},
                                                                  {"number", ""},
                                                                  {"wide", "0x10"},
                                                                  {"seed", "-1"},
                                                                  {"rate", "fast"},
                                                                  {"rate", "+-1"},
                                                                  {"count", "two"},
                                                                  {"flag", "maybe"},
                                                                  {"sample", "random"},
                                                                  {"schedule", ""},
                                                                  {"precisions", "fp32,fp8"},
                                                                  {"precisions", ""},
                                                                  {"precisions", "fp32,"},
                                                                  {"device", ""},
                                                                  {"device", "gpu"},
                                                                  {"device", "cpu:0"},
                                                                  {"device", "auto:0"},
                                                                  {"device", "cuda:"},
                                                                  {"device", "cuda:x"},
                                                                  {"device", "cuda:-1"},
                                                                  {"device", "cuda:3000000000"},
                                                                  {"device", "cuda:0:1"},
                                                                  {"device", "tpu:1"}};
  for (const auto& [name, text] : wrong) {
    EXPECT_THROW(find(list, name).read(text), UsageError) << name << " " << text;
  }
  EXPECT_EQ(
      message_of([&] { find(list, "sample").read("aneal"); }),
      "--sample: \"aneal\" is unknown, expected rr, prop, sqrt, anneal, temperature or auto; did "
      "you mean \"anneal\"?");
  EXPECT_EQ(message_of([&] { find(list, "precisions").read("fp32,fp8"); }),
            "--precisions: \"fp8\" is unknown, expected fp32, bf16, fp16, tf32, int8 or auto; did "
            "you mean \"fp32\"?");
  EXPECT_EQ(message_of([&] { find(list, "device").read("gpu"); }),
            "--device: \"gpu\" is unknown, expected auto, cpu, cuda or cuda:NUMBER");
  EXPECT_EQ(message_of([&] { find(list, "number").read("x"); }),
            "--number is \"x\", expected a whole number from 0 to 9");
  EXPECT_EQ(values.number, 4);  // untouched
  EXPECT_EQ(values.precisions.size(), 2U);
  EXPECT_EQ(values.device, DeviceChoice());
}

TEST(DeviceChoice, IsWrittenAsItIsRead) {
  for (const char* text : {"auto", "cpu", "cuda", "cuda:0", "cuda:17", "privateuseone:1"}) {
    EXPECT_EQ(text_of(read_option<DeviceChoice>("device", text)), text);
  }
}

TEST(Option, ChecksRanges) {
  const auto message = [](const std::function<void(Values&)>& change) {
    Values values;
    values.wide = 1;
    change(values);
    const OptionList list = options_of(values);
    return message_of([&] { list.check(); });
  };
  EXPECT_EQ(message([](Values&) {}), "");
  EXPECT_EQ(message([](Values& v) { v.number = 10; }),
            "--number is 10, expected a whole number from 0 to 9");
  EXPECT_EQ(message([](Values& v) { v.wide = 0; }),
            "--wide is 0, expected a whole number at least 1");
  EXPECT_EQ(message([](Values& v) { v.wide = 2'000'000'000; }),
            "--wide is 2000000000, expected at most 1000000000");
  EXPECT_EQ(message([](Values& v) { v.rate = 0; }), "--rate is 0, expected a number above 0");
  EXPECT_NE(message([](Values& v) { v.rate = std::numeric_limits<double>::quiet_NaN(); }), "");
  EXPECT_NE(message([](Values& v) { v.rate = std::numeric_limits<double>::infinity(); }), "");
  EXPECT_NE(message([](Values& v) { v.count = 0; }), "");
  EXPECT_EQ(message([](Values& v) { v.text = ""; }), "--text is missing: some text");
}

TEST(OptionList, WritesWhatIsGiven) {
  Values values;
  EXPECT_EQ(options_of(values).json(), Json({{"text", "as it was"},
                                             {"sample", "rr"},
                                             {"precisions", "fp32,bf16"},
                                             {"device", "auto"},
                                             {"number", 4},
                                             {"wide", 0},
                                             {"seed", 42},
                                             {"rate", 5e-5},
                                             {"flag", false},
                                             {"on", true}}));
  values.schedule = Schedule::kWarmupLinear;
  values.open_flag = false;
  values.count = 1;
  const Json json = options_of(values).json();
  EXPECT_EQ(json["schedule"], "warmup_linear");
  EXPECT_EQ(json["open_flag"], false);
  EXPECT_EQ(json["count"], 1);
}

TEST(OptionList, NamesWhatDiffers) {
  Values defaults;
  const OptionList list = options_of(defaults);
  const Json one = list.json();
  using Names = std::vector<std::string>;
  const auto differing = [&](const Json& changes, MayDiffer where) {
    Json other = one;
    other.update(changes);
    const Names names = list.differing(one, other, where);
    EXPECT_EQ(list.differing(other, one, where), names);
    return names;
  };
  const Json changes = {{"wide", 1}, {"number", 5}, {"seed", 1}, {"count", 2}};
  EXPECT_EQ(differing(changes, MayDiffer::kAfterResuming), (Names{"count", "wide"}));
  EXPECT_EQ(differing(changes, MayDiffer::kAmongRanks), (Names{"count", "seed", "wide"}));
  EXPECT_EQ(differing({{"unheard_of", 0}}, MayDiffer::kAmongRanks), Names{"unheard_of"});
  // A run that was saved before there was an option had its default.
  Json older = one;
  older.erase("rate");
  EXPECT_EQ(list.differing(older, one, MayDiffer::kAfterResuming), Names());
  // One in which an option was an empty text did not have it.
  older["schedule"] = "";
  EXPECT_EQ(list.differing(older, one, MayDiffer::kAfterResuming), Names());
  Json newer = one;
  newer["rate"] = 1.0;
  EXPECT_EQ(list.differing(older, newer, MayDiffer::kAfterResuming), Names{"rate"});
}

TEST(OptionList, TablesAndHelp) {
  Values values;
  OptionList list = options_of(values);
  list.suggest("text", {"this", "that"});
  EXPECT_EQ(help_text(find(list, "text")), "some text: this, that");
  EXPECT_EQ(help_text(find(list, "sample")), "order: rr, prop, sqrt, anneal, temperature or auto");
  std::string tables = option_tables("try", list);
  const auto has = [&](const std::string& part) {
    EXPECT_NE(tables.find(part), std::string::npos) << part << "\n" << tables;
  };
  has("<!-- options try: Words -->\n| flag | default | values | meaning |\n|---|---|---|---|\n"
      "| `--text` | `as it was` | `this`, `that` | some `text` |\n"
      "| `--sample` | `rr` | `rr`, `prop`, `sqrt`, `anneal`, `temperature`, `auto` | order |\n");
  has("| `--number`, `--amount` | `4` | 0 to 9 | how many, at most |\n");
  has("| `--on` | `1` | | |\n");
  EXPECT_EQ(tables.find("may change"), std::string::npos);
  list.set_resumes();
  tables = option_tables("try", list);
  has("<!-- options try: may change -->\n`--number`, `--seed`\n<!-- end -->\n");
}

}  // namespace
}  // namespace pals
