#include "oko/formats/wrappers/identifiers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "oko/base/text.h"

namespace oko::formats::wrappers {
namespace {

using testing::ElementsAre;

const std::vector<std::string> kNames{
    "traffic light", "3d",    "RBC", "default",  "cat",   "cat", "кіт",   "🙂",
    "hot-dog!",      "cat_2", "",    "\xff\xfe", "label", "é",   "labels"};

TEST(Identifiers, AreValidAndDifferentInSwift) {
  EXPECT_THAT(member_names(kNames, Language::kSwift),
              ElementsAre("trafficLight", "_3d", "rbc", "default_", "cat", "cat_2", "кіт", "class7",
                          "hotDog", "cat2", "class10", "class11", "label_", "é", "labels_"));
}

TEST(Identifiers, AreInTheStyleOfOtherLanguages) {
  EXPECT_THAT(
      member_names(kNames, Language::kKotlin),
      ElementsAre("TRAFFIC_LIGHT", "_3D", "RBC", "DEFAULT", "CAT", "CAT_2", "кіт", "CLASS_7",
                  "HOT_DOG", "CAT_2_2", "CLASS_10", "CLASS_11", "LABEL", "é", "LABELS"));
  EXPECT_THAT(member_names({"traffic light", "3d", "RBC"}, Language::kTypeScript),
              ElementsAre("TrafficLight", "_3d", "RBC"));
  EXPECT_THAT(member_names({"traffic light", "3d", "RBC"}, Language::kCpp),
              ElementsAre("kTrafficLight", "k3d", "kRBC"));
}

TEST(Identifiers, StayUniqueAfterNumbering) {
  EXPECT_THAT(member_names({"a_2", "a", "a"}, Language::kKotlin), ElementsAre("A_2", "A", "A_3"));
}

TEST(Identifiers, NameTypesByTheStem) {
  EXPECT_EQ(type_name("yolov3-tiny"), "Yolov3Tiny");
  EXPECT_EQ(type_name("out/my model.v2"), "MyModelV2");
  EXPECT_EQ(type_name("3d"), "Model3d");
  EXPECT_EQ(type_name("кіт"), "Model");
}

TEST(Literals, AreEscapedForTheirLanguage) {
  const std::string text = "a\"b\\c$d\n\xff";
  EXPECT_EQ(literal(text, Language::kSwift), "\"a\\\"b\\\\c$d\\u{a}\xef\xbf\xbd\"");
  EXPECT_EQ(literal(text, Language::kKotlin), "\"a\\\"b\\\\c\\$d\\u000a\xef\xbf\xbd\"");
  EXPECT_EQ(literal(text, Language::kTypeScript), "\"a\\\"b\\\\c$d\\u000a\xef\xbf\xbd\"");
  EXPECT_EQ(literal(text, Language::kCpp), "\"a\\\"b\\\\c$d\\012\xef\xbf\xbd\"");
}

// Characters that could end a comment or a literal, or make source look different from what
// compilers read.
const std::vector<std::string> kHostile{"\n",
                                        "\r",
                                        std::string(1, '\0'),
                                        "\v",
                                        "\x7f",
                                        "\u0085",
                                        "\u2028",
                                        "\u2029",
                                        "\u202e",
                                        "\u2066",
                                        "\u200f",
                                        "\u061c",
                                        "\ufeff",
                                        "\U000e0041",
                                        "\xff",
                                        "\xc0\x8a",
                                        "\xed\xa0\x80",
                                        "\xe2\x80",
                                        "\xc2",
                                        "\\"};

bool on_one_plain_line(std::string_view text) {
  while (!text.empty()) {
    const CodePoint c = first_code_point(text);
    if (!c.valid || is_invisible(c.value)) return false;
    text.remove_prefix(c.bytes.size());
  }
  return true;
}

TEST(Literals, ContainNoCharacterThatChangesTheSource) {
  for (const Language language :
       {Language::kSwift, Language::kKotlin, Language::kTypeScript, Language::kCpp}) {
    for (const std::string& hostile : kHostile) {
      EXPECT_TRUE(on_one_plain_line(literal("a" + hostile + "b", language))) << hostile;
    }
  }
  EXPECT_EQ(literal("\u2028\U000e0041", Language::kSwift), R"("\u{2028}\u{e0041}")");
  EXPECT_EQ(literal("\u2028\U000e0041", Language::kKotlin), R"("\u2028\udb40\udc41")");
  EXPECT_EQ(literal("\u2028\U000e0041", Language::kTypeScript), R"("\u2028\udb40\udc41")");
  EXPECT_EQ(literal("\u20281?"
                    "?/",
                    Language::kCpp),
            R"("\342\200\2501\?\?/")");
}

TEST(Comments, StayOnTheirLineAndDoNotEnd) {
  for (const std::string& hostile : kHostile) {
    const std::string text = comment("a" + hostile + "b");
    EXPECT_TRUE(on_one_plain_line(text)) << hostile;
    EXPECT_EQ(text.front(), 'a');
    EXPECT_EQ(text.back(), 'b');
    EXPECT_EQ(text.find('\\'), text.npos);
  }
  EXPECT_EQ(comment("*/ /* ${x} `\"' ?"
                    "?/"),
            "_/ /_ __x_ ___ ?_/");
  EXPECT_EQ(comment("кіт 🙂"), "кіт 🙂");
}

TEST(Templates, SubstituteTheirValues) {
  EXPECT_EQ(filled("a {{X}} b {{LONG}}{{X}}", {{"X", "1"}, {"LONG", "{{X}}"}}), "a 1 b {{X}}1");
  EXPECT_EQ(filled("plain", {}), "plain");
}

}  // namespace
}  // namespace oko::formats::wrappers
