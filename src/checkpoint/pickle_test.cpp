#include "checkpoint/pickle.h"

#include "checkpoint/test_support.h"

namespace pals {
namespace {

using namespace std::string_literals;

std::string pickle_error(const std::string& bytes) {
  return error_of([&] { read_pickle(bytes, "w"); });
}

/// "storage" of 12 floats under key "0", as a persistent id.
const std::string kStorage =
    "(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0"
    "0X\x03\0\0\0cpuK\x0ctQ"s;

/// A tensor over it; shape and strides are pickled tuples.
std::string tensor(const std::string& offset, const std::string& shape,
                   const std::string& strides) {
  return "\x80\x02"
         "ctorch._utils\n_rebuild_tensor_v2\n("s +
         kStorage + offset + shape + strides +
         "\x89"
         "ccollections\nOrderedDict\n)RtR.";
}

TEST(Pickle, ReadsPlainValues) {
  const std::string bytes =
      "\x80\x04\x95\x20\0\0\0\0\0\0\0(NK\x05M\x01\x02J\xfe\xff\xff\xff\x8a\x00\x8a\x05\0\0\0\0\x80"
      "G\x3f\xf8\0\0\0\0\0\0\x8c\x02hiC\x01\xff\x88]\x94}X\x01\0\0\0kK\x01st."s;
  const PickleDocument document = read_pickle(bytes, "w");
  EXPECT_EQ(document.size, bytes.size());
  ASSERT_EQ(document.root_value().kind, PickleKind::kTuple);
  const std::vector<PickleRef>& items = document.root_value().items;
  ASSERT_EQ(items.size(), 12u);
  const auto item = [&](size_t place) -> const PickleValue& {
    return document.value(items[place]);
  };
  EXPECT_EQ(item(0).kind, PickleKind::kNone);
  EXPECT_EQ(item(1).integer, 5);
  EXPECT_EQ(item(2).integer, 513);
  EXPECT_EQ(item(3).integer, -2);
  EXPECT_EQ(item(4).integer, 0);
  EXPECT_EQ(item(5).integer, -(int64_t{1} << 39));
  EXPECT_EQ(item(6).real, 1.5);
  EXPECT_EQ(item(7).text, "hi");
  EXPECT_EQ(item(8).text, "\xff");
  EXPECT_EQ(item(9).kind, PickleKind::kBool);
  EXPECT_EQ(item(10).kind, PickleKind::kList);
  ASSERT_NE(document.lookup(item(11), "k"), nullptr);
  EXPECT_EQ(document.lookup(item(11), "k")->integer, 1);
  EXPECT_EQ(document.lookup(item(11), "j"), nullptr);
}

TEST(Pickle, NamesWhatItRefuses) {
  EXPECT_NE(pickle_error("\x80\x02"
                         "cos\nsystem\nX\x04\0\0\0true\x85R."s)
                .find("refused: os.system"),
            std::string::npos);
  EXPECT_NE(pickle_error("\x80\x04\x8c\x08"
                         "builtins\x8c\x04"
                         "eval\x93."s)
                .find("refused: builtins.eval"),
            std::string::npos);
  EXPECT_NE(pickle_error("\x80\x02"
                         "ctorch\nload\n."s)
                .find("refused: torch.load"),
            std::string::npos);
  EXPECT_NE(pickle_error("\x80\x02"
                         "cos\x1b[2J\nx\n."s)
                .find("os?[2J.x"),
            std::string::npos);
  EXPECT_NE(pickle_error("c"s.append(500, 'a').append("\nb\n.")).find("without a readable name"),
            std::string::npos);
}

/// Nothing that a pickle names is looked up or called: it is passed over with all it is given.
TEST(Pickle, PassesOverObjects) {
  const auto holder_of = [](const std::string& object) {
    const std::string bytes =
        "\x80\x04}(\x8c\x01"
        "a"s +
        object +
        "\x8c\x01"
        "bK\x07u.";
    const PickleDocument document = read_pickle(bytes, "w");
    const PickleValue* found = document.lookup(document.root_value(), "a");
    EXPECT_NE(found, nullptr);
    EXPECT_EQ(found->kind, PickleKind::kObject);
    EXPECT_EQ(document.lookup(document.root_value(), "b")->integer, 7);
    return document.object_name(*found);
  };
  const std::string name = "cargparse\nNamespace\n";
  EXPECT_EQ(holder_of(name), "argparse.Namespace");
  EXPECT_EQ(holder_of(name + ")\x81}\x8c\x02lrK\x05sb"), "argparse.Namespace");
  EXPECT_EQ(holder_of(name + ")}\x92"), "argparse.Namespace");
  EXPECT_EQ(holder_of(name + ")R]K\x01"
                             "a\x85R"),
            "argparse.Namespace");
  EXPECT_EQ(holder_of(name + ")RK\x01"
                             "a"),
            "argparse.Namespace")
      << "a list's subclass";
  EXPECT_EQ(holder_of(name + ")R(K\x01K\x02u"), "argparse.Namespace") << "a dict's";
  EXPECT_EQ(holder_of("cos\nsystem\n\x8c\x04true\x85R"), "os.system");
  EXPECT_EQ(holder_of("c__main__\na\x1b[2J\n"), "__main__.a?[2J");
  EXPECT_EQ(read_pickle("\x80\x04\x8f(K\x01K\x02\x90."s, "w").root_value().items.size(), 2u);
  EXPECT_EQ(read_pickle("\x80\x04(K\x01K\x02\x91."s, "w").root_value().items.size(), 2u);
}

TEST(Pickle, RefusesWhatIsNotWellFormed) {
  const struct {
    std::string bytes;
    const char* expected;
  } cases[] = {
      {"", "ends at byte 0"},
      {"\x80\x01N.", "pickle protocol 1"},
      {"\x80\x06N.", "pickle protocol 6"},
      {"I5\n.", "pickle opcode 73"},
      {".", "an end before its time"},
      {"NN.", "an end before its time"},
      {"(N.", "an end before its time"},
      {"t", "missing mark"},
      {"u", "missing mark"},
      {"(e", "missing operand"},
      {"N((e", "missing operand"},
      {"R", "missing operand"},
      {"N(\x85", "missing operand"},
      {"NN\x87", "missing operand"},
      {"NNs", "missing operand"},
      {"N(K\x01"
       "e",
       "not a list"},
      {"](K\x01K\x02u", "not a dict"},
      {"}(K\x01u", "key without a value"},
      {"}]Ns", "dict key"},
      {"q\x01"s, "missing operand"},
      {"Nr\xff\xff\xff\xff", "memo place 4294967295"},
      {"Nr\0\0\x20\0"s, "memo place 2097152"},
      {"h\x05"s, "memo place 5 read before"},
      {"Nq\x05h\x04"s, "memo place 4 read before"},
      {"X\xff\xff\xff\xff"
       "a",
       "inside the item"},
      {"\x8d\xff\xff\xff\xff\xff\xff\xff\xff"
       "a",
       "inside the item"},
      {"X\x02\0\0\0\xc0\x80"s, "not UTF-8"},
      {"X\x03\0\0\0\xed\xa0\x80"s, "not UTF-8"},
      {"X\x01\0\0\0\xe4"s, "not UTF-8"},
      {"\x8b\x01\x01\0\0"s + std::string(257, 'x'), "an integer of 257 bytes"},
      {"N)R", "no global"},
      {"ctorch\nfloat32\n)R", "cannot be called"},
      {"ctorch\nFloatStorage\n)R", "cannot be called"},
      {"ccollections\nOrderedDict\nNR", "tuple of arguments"},
      {"ccollections\nOrderedDict\n]N\x61\x85R", "not a pair"},
      {"ctorch._utils\n_rebuild_tensor_v2\n(NNNNNNtR", "without a storage"},
      {"ctorch._utils\n_rebuild_parameter\n(NNNtR", "not a tensor"},
      {")Q", "not a storage"},
      {"NNb", "attributes"},
  };
  for (const auto& [bytes, expected] : cases) {
    EXPECT_NE(pickle_error(bytes).find(expected), std::string::npos)
        << testing::PrintToString(bytes) << ": " << pickle_error(bytes) << ", expected "
        << expected;
  }
}

TEST(Pickle, ChecksTensorsAgainstTheirStorage) {
  const std::string zero("K\0", 2);
  const auto pair = [](std::string a, const std::string& b) { return a.append(b).append("\x86"); };
  const std::string three_four = pair("K\x03", "K\x04"), four_one = pair("K\x04", "K\x01");
  const std::string good = tensor(zero, three_four, four_one);
  const PickleDocument document = read_pickle(good, "w");
  ASSERT_EQ(document.tensors.size(), 1u);
  EXPECT_EQ(document.tensors[0].shape, (std::vector<int64_t>{3, 4}));
  EXPECT_EQ(document.tensors[0].strides, (std::vector<int64_t>{4, 1}));
  EXPECT_EQ(document.storages[0].numel, 12);
  EXPECT_EQ(document.storages[0].key, "0");
  EXPECT_EQ(document.root_value().kind, PickleKind::kTensor);

  const std::string huge("\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f", 10);
  const std::string half("\x8a\x08\0\0\0\0\0\0\0\x40", 10);
  const char* outside = "outside its storage of 12 elements";
  EXPECT_NE(pickle_error(tensor("K\x01", three_four, four_one)).find(outside), std::string::npos);
  EXPECT_NE(pickle_error(tensor(huge, three_four, four_one)).find(outside), std::string::npos);
  EXPECT_NE(pickle_error(tensor("K\x0c", ")", ")")).find(outside), std::string::npos);
  EXPECT_EQ(pickle_error(tensor("K\x0b", ")", ")")), "");
  EXPECT_NE(pickle_error(tensor(zero, pair(huge, huge), four_one)).find(outside),
            std::string::npos);
  EXPECT_NE(pickle_error(tensor(zero, three_four, pair(huge, huge))).find(outside),
            std::string::npos);
  EXPECT_NE(pickle_error(tensor(zero, pair("K\x03", "K\x03"), pair(half, half))).find(outside),
            std::string::npos);
  EXPECT_NE(pickle_error(tensor(zero, three_four, ")")).find(outside), std::string::npos);
  EXPECT_EQ(pickle_error(tensor(zero, pair("K\x01", "K\x01"), pair(huge, huge))), "");
  EXPECT_NE(pickle_error(tensor("J\xff\xff\xff\xff", three_four, four_one)).find("storage offset"),
            std::string::npos);
  EXPECT_NE(pickle_error(tensor(zero, "N", four_one)).find("tensor size"), std::string::npos);
  EXPECT_NE(pickle_error(tensor(zero, "("s.append(17, ')').append("t"), ")")).find("17 dimensions"),
            std::string::npos);
}

TEST(Pickle, RefusesCyclesAndDepth) {
  EXPECT_NE(pickle_error("]q\x01h\x01"
                         "a.")
                .find("contains itself"),
            std::string::npos);
  EXPECT_NE(pickle_error("]q\x01}K\x01h\x01sa.").find("contains itself"), std::string::npos);
  EXPECT_EQ(pickle_error("]q\x01]\x86."), "");
  std::string deep = "N";
  for (int level = 0; level < 1'000'000; ++level) deep += '\x85';
  EXPECT_NE(pickle_error(deep + ".").find("deeper than"), std::string::npos);
  EXPECT_NE(pickle_error(std::string(1'000'000, '(')).find("too deep"), std::string::npos);
  // Depth hidden from a first walk by values that are visited already.
  std::string hidden = "(N";
  for (int level = 0; level < 1000; ++level) {
    const auto low = static_cast<char>(level & 255), high = static_cast<char>(level >> 8);
    hidden += "\x85r"s + low + high + "\0\0"s + "j" + low + high + "\0\0"s;
  }
  EXPECT_NE(pickle_error(hidden + "t.").find("deeper than"), std::string::npos);
}

TEST(Pickle, BoundsItsWork) {
  EXPECT_NE(pickle_error(std::string(3'000'000, 'N')).find("more than 2097152 values"),
            std::string::npos);
  // A long list made into ever new dicts.
  std::string copies = "](";
  for (int pair = 0; pair < 1000; ++pair) copies += "K\x01K\x01\x86";
  copies +=
      "eq\x01"
      "0";
  copies.pop_back();
  std::string bomb = copies + "ccollections\nOrderedDict\nq\x02";
  for (int copy = 0; copy < 10'000; ++copy) bomb += "h\x02h\x01\x85R";
  EXPECT_NE(pickle_error(bomb).find("items in containers"), std::string::npos);
}

TEST(Pickle, SurvivesDamage) {
  const std::string bytes = tensor("K\x01", "K\x02K\x03\x86", "K\x03K\x01\x86");
  const auto parse = [](const std::string& damaged) { read_pickle(damaged, "w"); };
  EXPECT_EQ(pickle_error(bytes), "");
  expect_errors_when_cut(bytes, parse);
  flip_bits(bytes, parse);
}

}  // namespace
}  // namespace pals
