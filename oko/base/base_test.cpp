#include <gtest/gtest.h>

#include <atomic>
#include <bit>
#include <latch>
#include <stdexcept>

#include "oko/base/bytes.h"
#include "oko/base/class_list.h"
#include "oko/base/error.h"
#include "oko/base/json.h"
#include "oko/base/random.h"
#include "oko/base/suggest.h"
#include "oko/base/text.h"
#include "oko/base/threads.h"
#include "oko/base/words.h"

namespace oko {
namespace {

TEST(Error, JoinsPlaceMessageAndHint) {
  const Error e = input_error("a.xml:14", "xmax 512 is past the width 500", "fix the box");
  EXPECT_STREQ(e.what(), "a.xml:14: xmax 512 is past the width 500 (fix the box)");
  EXPECT_EQ(e.within("b.tar").place(), "b.tar: a.xml:14");
}

TEST(ByteReader, ReadsLittleEndianAndNamesTheByteWhereTheFileEnds) {
  ByteReader reader("x.bin", Bytes(std::string_view("\x01\x02\x00\x00\x07", 5)));
  EXPECT_EQ(reader.read<std::uint32_t>("a count"), 0x201u);
  try {
    reader.read<std::uint32_t>("a count");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.place(), "x.bin@4");
    EXPECT_EQ(reader.remaining(), 1u);
  }
}

TEST(Json, NamesTheByteOfASyntaxError) {
  try {
    parse_json("{\"a\": ]}", "m.json");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.place(), "m.json@6");
  }
}

TEST(Json, RejectsDeepNesting) {
  EXPECT_THROW(parse_json(std::string(100000, '['), "m"), Error);
  EXPECT_NO_THROW(parse_json(std::string(60, '[') + std::string(60, ']'), "m"));
}

TEST(Json, SkipsIgnoredMembers) {
  const Json j =
      parse_json(R"({"a": [{"s": [[1, {"s": 2}]], "b": 1}], "s": "x", "c": ["s"]})", "m", "s");
  EXPECT_EQ(j.dump(), R"({"a":[{"b":1}],"c":["s"]})");
}

TEST(Json, RejectsObjectsWithTooManyMembers) {
  const auto object = [](int members) {
    std::string text;
    for (int i = 0; i < members; ++i) text += (i ? ",\"" : "{\"") + std::to_string(i) + "\":0";
    return text + "}";
  };
  EXPECT_THROW(parse_json(object(16385), "m"), Error);
  EXPECT_NO_THROW(parse_json("[" + object(9000) + "," + object(9000) + "]", "m"));
}

TEST(Json, ReadsEveryKindOfValue) {
  const std::string text =
      R"({"a":[null,true,-3,18446744073709551615,0.5,"\u00e9\n",[],{}],"b":{"c":{"d":[[1],2]}}})";
  EXPECT_EQ(parse_json(text, "m"), Json::parse(text));
  for (const char* value : {"7", "\"x\"", " [] "})
    EXPECT_EQ(parse_json(value, "m"), Json::parse(value));
}

std::string complaint(const std::string& text, const char* wanted) {
  try {
    json_get<int>(parse_json(text, "m"), wanted, "m");
  } catch (const Error& e) {
    return e.what();
  }
  return "no error was thrown";
}

TEST(Json, RejectsDuplicateNames) {
  EXPECT_EQ(complaint(R"([{"a": 1, "b": {"a": 2}}, {"b": 1, "c": 2, "b": {}}])", "a"),
            "m: the name \"b\" appears twice");
}

TEST(Json, ErrorsShowTheValueFound) {
  const auto found = [](const std::string& value) {
    return complaint("{\"a\":" + value + "}", "a");
  };
  const std::string wanted = "m: \"a\" must be an integer, found ";
  EXPECT_EQ(found("\"3\""), wanted + "\"3\"");
  EXPECT_EQ(found("\"\\u00e9\\n\""), wanted + "\"???\"");
  EXPECT_EQ(found('"' + std::string(90, 'x') + '"'), wanted + '"' + std::string(50, 'x') + "...\"");
  EXPECT_EQ(found("-1.5"), wanted + "-1.500000");
  EXPECT_EQ(found("18446744073709551615"), wanted + "18446744073709551615");
  EXPECT_EQ(found("true"), wanted + "true");
  EXPECT_EQ(found("[3]"), wanted + "array");
  EXPECT_EQ(found("null"), wanted + "null");
  EXPECT_EQ(found("1e999"), "m@9: not valid JSON");
}

TEST(Json, RejectsNumbersOutOfRange) {
  const Json j = parse_json(R"({"a": 4294967296, "b": 1.5, "c": 7})", "m");
  EXPECT_THROW(json_get<int>(j, "a", "m"), Error);
  EXPECT_THROW(json_get<int>(j, "b", "m"), Error);
  EXPECT_THROW(json_get<int>(j, "missing", "m"), Error);
  EXPECT_EQ(json_get<int>(j, "c", "m"), 7);
  EXPECT_EQ(json_get_or<int>(j, "missing", 3, "m"), 3);
}

TEST(Json, WritesFloatsAsShortDecimals) {
  for (const float value : {0.F, -.1F, .7F, 1.05F, 416.F, 1e-5F, 3e20F, -1e22F, 16777216.F}) {
    EXPECT_EQ(Json(shortest_decimal(value)).dump().find("00000"), std::string::npos) << value;
  }
  EXPECT_EQ(Json(shortest_decimal(.1F)).dump(), "0.1");
  EXPECT_EQ(Json(shortest_decimal(1 / 3.F)).dump(), "0.33333334");
  for (std::uint32_t bits = 0; bits < 0x7f800000U; bits += 99991) {
    const float value = std::bit_cast<float>(bits);
    ASSERT_EQ(static_cast<float>(shortest_decimal(value)), value);
    ASSERT_EQ(shortest_decimal(-value), -shortest_decimal(value));
  }
}

TEST(Random, SameSeedGivesSameNumbersAndOtherStreamsDiffer) {
  Random a(7, 1), b(7, 1), c(7, 2);
  const auto first = a.bits();
  EXPECT_EQ(first, b.bits());
  EXPECT_NE(first, c.bits());
  for (int i = 0; i < 1000; ++i) EXPECT_LT(a.below(3), 3u);
}

TEST(Random, StateRestoresTheSequence) {
  Random a(1);
  a.bits();
  Random b(2);
  b.set_state(a.state());
  EXPECT_EQ(a.bits(), b.bits());
}

TEST(ThreadPool, ParallelForVisitsEachIndexOnce) {
  ThreadPool pool(3);
  std::vector<std::atomic<int>> seen(1000);
  pool.parallel_for(seen.size(), [&](std::size_t i) { ++seen[i]; });
  for (const auto& n : seen) EXPECT_EQ(n, 1);
}

TEST(ThreadPool, StartsAThreadForEachTaskThatWaits) {
  std::latch all_run(4);  // each of them only ends when all four have begun
  ThreadPool pool(3);
  for (int i = 0; i < 3; ++i) pool.post([&] { all_run.arrive_and_wait(); });
  all_run.arrive_and_wait();
}

TEST(ThreadPool, WithoutThreadsTheCallerRunsTheTask) {
  ThreadPool pool(0);
  std::thread::id runner;
  pool.post([&] { runner = std::this_thread::get_id(); });
  EXPECT_EQ(runner, std::this_thread::get_id());
  int sum = 0;
  pool.parallel_for(10, [&](std::size_t i) { sum += static_cast<int>(i); });
  EXPECT_EQ(sum, 45);
}

TEST(ThreadPool, ParallelForRethrowsTheFirstException) {
  ThreadPool pool(2);
  EXPECT_THROW(pool.parallel_for(100,
                                 [](std::size_t i) {
                                   if (i == 5) throw std::runtime_error("no");
                                 }),
               std::runtime_error);
}

TEST(Printable, EscapesControlsAndKeepsTheRest) {
  EXPECT_EQ(printable("ключ – café 犬 a\\b"), "ключ – café 犬 a\\b");
  EXPECT_EQ(printable("a\nb\tc\rd"), "a\\nb\\tc\\rd");
  EXPECT_EQ(printable("\x1b[31m\x7f"), "\\x1b[31m\\x7f");
  EXPECT_EQ(printable("\xc2\x9b \xe2\x80\xae \xe9"), "\\x9b \\u202e \\xe9");
  EXPECT_EQ(printable(std::string_view("\0", 1)), "\\x00");
}

TEST(ClassList, CountsEveryLineAsDarknetDoes) {
  EXPECT_EQ(parse_class_list("\xEF\xBB\xBF#10 bolt\r\n dog \rca t\n\n", "c"),
            (std::vector<std::string>{"#10 bolt", "dog", "ca t"}));
  for (const char* text : {"cat\n\ndog\n", "caf\xE9\n", "a\x01\n"}) {
    EXPECT_THROW(parse_class_list(text, "c"), Error) << text;
  }
}

TEST(ClassList, WritesOnlyWhatItCanReadBack) {
  const std::vector<std::string> names{
      "#10 bolt", "a, b", "\"q\"", "~", "null", "\xD0\xBA", std::string(5000, 'n')};
  EXPECT_EQ(parse_class_list(class_list_text(names, "c"), "c"), names);
  for (const char* name : {"", " a", "a ", "a\nb", "a\rb", "\xFF", "\x1B[2J"}) {
    EXPECT_THROW(class_list_text({"cat", name}, "c"), Error) << name;
  }
}

TEST(Suggest, FindsTyposButNotOtherWords) {
  const std::vector<std::string> known = {"eval", "detect", "inspect"};
  EXPECT_EQ(nearest_word("detcet", known), "detect");
  EXPECT_EQ(nearest_word("insp", known), "inspect");
  EXPECT_EQ(nearest_word("banana", known), "");
}

enum class Fruit { kApple, kPear };
constexpr auto words_of(Fruit) { return std::to_array<std::string_view>({"apple", "pear"}); }

TEST(Words, NameTheValuesOfAnEnum) {
  EXPECT_EQ(word_of(Fruit::kPear), "pear");
  EXPECT_EQ(value_named<Fruit>("apple"), Fruit::kApple);
  EXPECT_EQ(value_named<Fruit>("plum"), std::nullopt);
  const Error e = unknown_word(ErrorCode::kUsage, "--fruit", "", "paer", kWords<Fruit>);
  EXPECT_STREQ(e.what(), "--fruit: \"paer\" is unknown (did you mean pear? (apple, pear))");
}

}  // namespace
}  // namespace oko
