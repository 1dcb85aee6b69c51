#include "oko/seal/manifest.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "oko/seal/refused.h"

namespace oko::seal {
namespace {

Manifest example() {
  Manifest manifest;
  manifest.model = "cards";
  manifest.release = 7;
  manifest.minimum_app = "2.4";
  manifest.created = 1764489600;
  manifest.expires = 1780041600;
  manifest.size = 1234;
  manifest.sealed_size = 1500;
  manifest.hash = std::string(64, 'a');
  manifest.sealed_hash = std::string(64, '0');
  manifest.customer = "Кафе «Око»";
  manifest.classes = {"ace", "\"king\""};
  manifest.input = {{"channels", 3}, {"height", 416}, {"width", 416}};
  manifest.preprocess = {{"fit", "letterbox"}, {"border", 0.5}};
  return manifest;
}

TEST(Manifest, ReadsWhatItWrites) {
  const Manifest manifest = example();
  EXPECT_EQ(read_manifest(manifest_text(manifest), "m"), manifest);
  Manifest least = manifest;
  least.minimum_app.clear();
  least.customer.clear();
  least.expires = 0;
  EXPECT_EQ(read_manifest(manifest_text(least), "m"), least);
}

TEST(Manifest, HasOneText) {
  const std::string text = manifest_text(example());
  std::string spaced = text, doubled = text;
  spaced.insert(spaced.find("\"model\""), " ");
  doubled += "\n";
  std::string more = text;
  more.insert(more.find("\"model\""), "\"more\": 1,\n  ");
  for (const std::string& other : {spaced, doubled, more, text.substr(1), std::string()}) {
    EXPECT_THROW(read_manifest(other, "m"), Refused) << other;
  }
}

TEST(Manifest, RejectsWhatNoReleaseHas) {
  const auto refused = [](auto change) {
    Manifest manifest = example();
    change(manifest);
    EXPECT_THROW(read_manifest(manifest_text(manifest), "m"), Refused);
  };
  refused([](Manifest& m) { m.model = "../cards"; });
  refused([](Manifest& m) { m.model = ""; });
  refused([](Manifest& m) { m.release = 0; });
  refused([](Manifest& m) { m.release = std::uint64_t{1} << 53; });
  refused([](Manifest& m) { m.minimum_app = "2.x"; });
  refused([](Manifest& m) { m.hash = "00"; });
}

TEST(Manifest, ComparesVersionsOfApps) {
  for (const char* text : {"1", "2.4.1", "10.0.0.123456789"}) EXPECT_TRUE(is_app_version(text));
  for (const char* text : {"", ".", "1.", ".1", "1..2", "1.2.3.4.5", "v1", "1.2b", "1234567890"}) {
    EXPECT_FALSE(is_app_version(text)) << text;
  }
  EXPECT_TRUE(is_older("2.9", "2.10"));
  EXPECT_TRUE(is_older("2", "2.0.1"));
  EXPECT_FALSE(is_older("2.0", "2"));
  EXPECT_FALSE(is_older("3", "2.99.99"));
}

TEST(Manifest, WritesAndReadsTimes) {
  for (const auto& [seconds, text] :
       {std::pair<std::int64_t, const char*>{0, "1970-01-01T00:00:00Z"},
        {951782400, "2000-02-29T00:00:00Z"},
        {1764489599, "2025-11-30T07:59:59Z"},
        {253402300799, "9999-12-31T23:59:59Z"}}) {
    EXPECT_EQ(utc_text(seconds), text);
    EXPECT_EQ(utc_seconds(text), seconds);
  }
  for (const char* text : {"", "1969-12-31T23:59:59Z", "2025-02-29T00:00:00Z",
                           "2025-11-30T24:00:00Z", "2025-11-30 07:59:59Z", "2025-11-30T07:59:59",
                           "2025-11-30T07:59:5aZ", "2025-13-01T00:00:00Z"}) {
    EXPECT_FALSE(utc_seconds(text)) << text;
  }
}

TEST(Manifest, NamesModelsAsFilesAndAddressesCan) {
  for (const char* id : {"a", "cards-2.oko_x", "0"}) EXPECT_EQ(fault_in_model_id(id), "") << id;
  for (const char* id : {"", ".", "..", "-x", "a/b", "A", "a b", "ä"}) {
    EXPECT_NE(fault_in_model_id(id), "") << id;
  }
  EXPECT_NE(fault_in_model_id(std::string(65, 'a')), "");
}

}  // namespace
}  // namespace oko::seal
