#include "oko/package/reference.h"

#include <gtest/gtest.h>

#include "oko/base/error.h"

namespace oko::package {
namespace {

const std::string kDigest = "sha256:" + std::string(64, 'a');

TEST(ImageReference, HasItsParts) {
  const ImageReference image = parse_image_reference("127.0.0.1:5000/team/oko:1.0@" + kDigest);
  EXPECT_EQ(image.registry, "127.0.0.1:5000");
  EXPECT_EQ(image.repository, "team/oko");
  EXPECT_EQ(image.tag, "1.0");
  EXPECT_EQ(image.digest, kDigest);
  EXPECT_EQ(image.version(), kDigest);
  EXPECT_EQ(image.text(), "127.0.0.1:5000/team/oko:1.0@" + kDigest);
  EXPECT_EQ(parse_image_reference("localhost/oko").version(), "latest");
}

TEST(ImageReference, OfDockerHubIsWhereItsRegistryIs) {
  const ImageReference image = parse_image_reference("docker.io/debian:12");
  EXPECT_EQ(image.repository, "library/debian");
  EXPECT_EQ(image.origin(false), "https://registry-1.docker.io");
}

TEST(ImageReference, UsesHttpOnlyForThisMachineUnlessAllowed) {
  for (const char* here : {"127.0.0.1:5000/a", "localhost:1/a", "[::1]:5/a"}) {
    EXPECT_TRUE(parse_image_reference(here).origin(false).starts_with("http://")) << here;
  }
  for (const char* there : {"10.0.0.1:5000/a", "127.0.0.1.example.com/a", "localhost.example/a"}) {
    EXPECT_TRUE(parse_image_reference(there).origin(false).starts_with("https://")) << there;
    EXPECT_TRUE(parse_image_reference(there).origin(true).starts_with("http://")) << there;
  }
}

TEST(ImageReference, AcceptsEveryFormOfNames) {
  for (const char* good : {"r.io/a", "r.io/a.b/c_d/e__f/g-h/i---j", "r.io:443/a:V1.0_x-y",
                           "[fd00::1]:5000/a", "a-b.example.com/x/y/z:_"}) {
    EXPECT_EQ(parse_image_reference(good).text(), good);
  }
}

TEST(ImageReference, RefusesWhatCouldLeadElsewhere) {
  const std::string bad[] = {"",
                             "oko",
                             "oko:1",
                             "team/oko",
                             "r.io/",
                             "r.io//a",
                             "r.io/a/",
                             "r.io/../a",
                             "r.io/a/../b",
                             "r.io/a..b",
                             "r.io/A",
                             "r.io/a___b",
                             "r.io/-a",
                             "r.io/a-",
                             "r.io/a b",
                             "r.io/a?x",
                             "r.io/a#x",
                             "r.io/a%2e",
                             "r.io/a:",
                             "r.io/a:-x",
                             "r.io/a:x/y",
                             "r.io/a:b:c",
                             "r.io/a:" + std::string(129, 'x'),
                             "r.io/" + std::string(256, 'a'),
                             "r.io/a@sha256:abc",
                             "r.io/a@" + kDigest + "0",
                             "r.io/a@sha512:" + std::string(128, 'a'),
                             "user@r.io/a",
                             "r.io:port/a",
                             "r.io:123456/a",
                             "r..io/a",
                             ".r.io/a",
                             "[::1/a",
                             "[::1]x/a",
                             "https://r.io/a",
                             "r.io/a\n",
                             std::string("r.io/a\0b", 8)};
  for (const std::string& text : bad) {
    EXPECT_THROW(parse_image_reference(text), Error) << text;
  }
}

}  // namespace
}  // namespace oko::package
