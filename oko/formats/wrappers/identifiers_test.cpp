#include "oko/formats/wrappers/identifiers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace oko::formats::wrappers {
namespace {

using testing::ElementsAre;

const std::vector<std::string> kNames{
    "traffic light", "3d",       "RBC",   "default", "cat",      "cat",   "кіт",
    "🙂",          "hot-dog!", "cat_2", "",        "\xff\xfe", "label", "é"};

TEST(Identifiers, AreValidAndDifferentInSwift) {
  EXPECT_THAT(member_names(kNames, Language::kSwift),
              ElementsAre("trafficLight", "_3d", "rbc", "default_", "cat", "cat_2", "кіт", "class7",
                          "hotDog", "cat2", "class10", "class11", "label_", "é"));
}

TEST(Identifiers, AreInTheStyleOfOtherLanguages) {
  EXPECT_THAT(member_names(kNames, Language::kKotlin),
              ElementsAre("TRAFFIC_LIGHT", "_3D", "RBC", "DEFAULT", "CAT", "CAT_2", "кіт",
                          "CLASS_7", "HOT_DOG", "CAT_2_2", "CLASS_10", "CLASS_11", "LABEL", "é"));
  EXPECT_THAT(member_names({"traffic light", "3d", "RBC"}, Language::kTypeScript),
              ElementsAre("TrafficLight", "_3d", "RBC"));
  EXPECT_THAT(member_names({"traffic light", "3d", "RBC"}, Language::kCpp),
              ElementsAre("kTrafficLight", "k3d", "kRBC"));
}

TEST(Identifiers, NumberWhatNumberingMadeEqual) {
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

TEST(Templates, TakeTheirValues) {
  EXPECT_EQ(filled("a {{X}} b {{LONG}}{{X}}", {{"X", "1"}, {"LONG", "{{X}}"}}), "a 1 b {{X}}1");
  EXPECT_EQ(filled("plain", {}), "plain");
}

}  // namespace
}  // namespace oko::formats::wrappers
