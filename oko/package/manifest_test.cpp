#include "oko/package/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "oko/base/error.h"
#include "oko/package/challenge.h"

namespace oko::package {
namespace {

const std::string kA = "sha256:" + std::string(64, 'a'), kB = "sha256:" + std::string(64, 'b');

std::string descriptor(const std::string& type, const std::string& digest, int size) {
  return R"({"mediaType":")" + type + R"(","digest":")" + digest + R"(","size":)" +
         std::to_string(size) + "}";
}

std::string manifest_with(const std::string& layer_type) {
  return R"({"schemaVersion":2,"config":)" + descriptor(media_type::kConfig, kA, 7) +
         R"(,"layers":[)" + descriptor(layer_type, kB, 9) + "]}";
}

TEST(Manifest, OfDockerIsReadAsOneOfTheOci) {
  const Manifest manifest =
      parse_manifest(manifest_with("application/vnd.docker.image.rootfs.diff.tar.gzip"), "x");
  EXPECT_EQ(manifest.config.digest, kA);
  ASSERT_EQ(manifest.layers.size(), 1u);
  EXPECT_EQ(manifest.layers[0].media_type, media_type::kLayer);
  EXPECT_EQ(manifest.layers[0].size, 9u);
}

TEST(Manifest, IsRefusedIfItIsNotOne) {
  const std::string bad[] = {
      "",
      "[]",
      R"({"schemaVersion":1,"fsLayers":[]})",
      R"({"mediaType":"application/vnd.docker.distribution.manifest.v1+json"})",
      manifest_with("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"),
      R"({"config":{"digest":"sha256:../../x","size":1},"layers":[]})",
      R"({"config":{"digest":")" + kA + R"(","size":-1},"layers":[]})",
      R"({"config":{"digest":")" + kA + R"(","size":18446744073709551615},"layers":[]})",
      R"({"config":{"digest":")" + kA + R"(","size":1},"layers":{}})",
      R"({"config":{"digest":")" + kA + R"(","size":1},"layers":[1]})"};
  for (const std::string& text : bad) EXPECT_THROW(parse_manifest(text, "x"), Error) << text;
}

TEST(Index, HasTheImageOfThisPlatform) {
  const auto entry = [](const std::string& digest, const std::string& architecture) {
    return R"({"digest":")" + digest + R"(","size":5,"platform":{"os":"linux","architecture":")" +
           architecture + R"("}})";
  };
  const std::string index =
      R"({"manifests":[)" + entry(kA, "arm64") + "," + entry(kB, "amd64") + "]}";
  EXPECT_TRUE(is_index(index, "x"));
  EXPECT_FALSE(is_index(manifest_with(media_type::kLayer), "x"));
  EXPECT_EQ(parse_index(index, "amd64", "x").digest, kB);
  EXPECT_THROW(parse_index(index, "riscv64", "x"), Error);
}

TEST(ImageConfig, KeepsWhatTheBaseHas) {
  const ImageConfig base = parse_image_config(
      R"({"author":"someone","os":"linux","created":"2001-01-01T00:00:00Z",
          "config":{"Env":["PATH=/bin","A=1"],"Cmd":["sh"],"WorkingDir":"/w"},
          "history":[{"created_by":"x"}],
          "rootfs":{"type":"layers","diff_ids":[")" +
          kA + R"("]}})",
      "x");
  const NewLayer layer{{media_type::kLayer, kB, 3}, kB, "libraries"};
  const Json made = parse_json(make_image_config(&base, {layer},
                                                 {.architecture = "amd64",
                                                  .created = {},
                                                  .environment = {{"A", "2"}, {"B", "3"}},
                                                  .entrypoint = {"/opt/oko/bin/oko"},
                                                  .labels = {{"l", "v"}}}),
                               "made");
  EXPECT_EQ(made["author"], "someone");
  EXPECT_FALSE(made.contains("created"));
  EXPECT_EQ(made["config"]["WorkingDir"], "/w");
  EXPECT_FALSE(made["config"].contains("Cmd"));
  EXPECT_EQ(made["config"]["Env"], Json({"PATH=/bin", "A=2", "B=3"}));
  EXPECT_EQ(made["config"]["Entrypoint"], Json({"/opt/oko/bin/oko"}));
  EXPECT_EQ(made["config"]["Labels"]["l"], "v");
  EXPECT_EQ(made["rootfs"]["diff_ids"], Json({kA, kB}));
  EXPECT_EQ(made["history"].size(), 2u);
}

TEST(Challenge, IsRead) {
  const auto bearer = parse_challenge(
      R"(Bearer realm="https://auth.example/token",service="reg \"x\"",scope="a:b:c,d")");
  ASSERT_TRUE(bearer);
  EXPECT_EQ(bearer->scheme, Challenge::Scheme::kBearer);
  EXPECT_EQ(bearer->realm, "https://auth.example/token");
  EXPECT_EQ(bearer->service, "reg \"x\"");
  const auto basic = parse_challenge("BASIC realm=x");
  ASSERT_TRUE(basic);
  EXPECT_EQ(basic->scheme, Challenge::Scheme::kBasic);
  const auto second = parse_challenge(R"(Negotiate abc, Basic realm="r")");
  ASSERT_TRUE(second);
  EXPECT_EQ(second->realm, "r");
}

TEST(Challenge, IsNotSeenInOtherHeaders) {
  for (const char* bad :
       {"", "   ", "Digest realm=\"x\"", "Bearer service=\"x\"", "=", "\"", ","}) {
    EXPECT_FALSE(parse_challenge(bad)) << bad;
  }
}

TEST(RegistryToken, IsReadUnderEitherName) {
  EXPECT_EQ(parse_registry_token(R"({"token":"abc"})", "r").text, "abc");
  const RegistryToken token = parse_registry_token(R"({"access_token":"x","expires_in":300})", "r");
  EXPECT_EQ(token.text, "x");
  EXPECT_EQ(token.seconds, 300);
}

TEST(RegistryToken, ThatCouldAddAHeaderIsRefusedWithoutShowingIt) {
  for (const char* bad : {"", "{", "{}", R"({"token":""})", R"({"token":"SECRET\r\nX: y"})",
                          R"({"token":7})", R"(["SECRET"])"}) {
    try {
      parse_registry_token(bad, "r");
      ADD_FAILURE() << bad;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), ::testing::Not(::testing::HasSubstr("SECRET")));
    }
  }
}

}  // namespace
}  // namespace oko::package
