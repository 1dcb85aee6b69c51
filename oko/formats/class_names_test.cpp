#include "oko/formats/class_names.h"

#include <gmock/gmock.h>

namespace oko::formats {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(ClassNames, ReadPythonsDictionariesAndLists) {
  EXPECT_THAT(names_of_list("{0: 'cat', 1: \"dog's\"}"), ElementsAre("cat", "dog's"));
  EXPECT_THAT(names_of_list(R"({"0": "cat", "1": "caf\u00e9 \ud83d\ude00"})"),
              ElementsAre("cat", "caf\xC3\xA9 \xF0\x9F\x98\x80"));
  EXPECT_THAT(names_of_list("['a', 'it\\'s']"), ElementsAre("a", "it's"));
}

TEST(ClassNames, AreNoneWhereTheTextIsAnother) {
  for (const char* text : {"", "{0: 'cat', 2: 'dog'}", "{0: cat}", "{0: 'cat'", "['a' 'b']", "3",
                           R"(["\u12"])", R"(["\ud83d\u0041"])"}) {
    EXPECT_THAT(names_of_list(text), IsEmpty()) << text;
  }
}

TEST(ClassNames, AreFoundInMetadata) {
  EXPECT_THAT(names_of_metadata("{'task': 'detect', 'names': {0: 'a'}, 'x': 1}"), ElementsAre("a"));
  EXPECT_THAT(names_of_metadata(R"({"stride": 32, "names": {"0": "a", "1": "b"}})"),
              ElementsAre("a", "b"));
  EXPECT_THAT(names_of_metadata("{'task': 'detect'}"), IsEmpty());
}

Imported with_classes(int classes, std::vector<std::string> labels) {
  Imported imported;
  imported.network.input = {3, 32, 32};
  graph::Yolo head{.anchors = {{8, 8}}, .mask = {0}, .classes = classes};
  imported.network.layers.push_back({"head", head, {graph::kNetworkInput}, {}});
  imported.labels = std::move(labels);
  apply_labels(imported);
  return imported;
}

TEST(ClassNames, OfABackgroundAreLeftOut) {
  EXPECT_THAT(with_classes(2, {"???", "cat", "dog"}).network.classes, ElementsAre("cat", "dog"));
  EXPECT_THAT(with_classes(2, {"cat", "dog"}).network.classes, ElementsAre("cat", "dog"));
}

TEST(ClassNames, ThatDoNotFitAreNotUsed) {
  const Imported more = with_classes(2, {"cat", "dog", "horse"});
  EXPECT_THAT(more.network.classes, IsEmpty());
  EXPECT_THAT(more.notes, ElementsAre(HasSubstr("names 3 classes, but has 2")));
  const Imported broken = with_classes(1, {"a\nb"});
  EXPECT_THAT(broken.network.classes, IsEmpty());
  EXPECT_THAT(broken.notes, ElementsAre(HasSubstr("are not used")));
}

}  // namespace
}  // namespace oko::formats
