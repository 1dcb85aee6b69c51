#include "oko/jobs/kubernetes/names.h"

#include <gtest/gtest.h>

#include "oko/base/error.h"
#include "oko/jobs/kubernetes/options.h"
#include "oko/jobs/kubernetes/test_spec.h"

namespace oko::jobs::kubernetes {
namespace {

using Check = const std::string& (*)(const std::string&, std::string_view);

void expect(Check check, const std::vector<std::string>& good,
            const std::vector<std::string>& bad) {
  for (const std::string& text : good) EXPECT_NO_THROW(check(text, "--x")) << text;
  for (const std::string& text : bad) EXPECT_THROW(check(text, "--x"), Error) << text;
}

const std::string kLong(64, 'a');

TEST(Names, HostileOnesAreRefused) {
  expect(
      &checked_label, {"a", "ml-2", std::string(63, 'a')},
      {"", "-a", "a-", "A", "a.b", "a/b", "..", "a b", "a\n", kLong, "ä", std::string("a\0b", 3)});
  expect(&checked_domain, {"a.b-c.d", "x"},
         {"", ".", "a..b", "a.", "a/../b", kLong, "a?b", "a%2f"});
  expect(&checked_label_key, {"disk", "cloud.google.com/gke-spot", "a_b.C"},
         {"", "/x", "x/", "a/b/c", "A.com/x", "x y", kLong});
  expect(&checked_label_value, {"", "Tesla-T4", "a_b.c"}, {"-", "a b", "a/b", "x\"", kLong});
  expect(&checked_image, {"oko", "registry.example:5000/a/b@sha256:00ff", "gcr.io/p/oko:1.0_x"},
         {"", "a b", "$(x)", "a;b", "a\nb", "-x", "\"", std::string(600, 'a')});
  expect(&checked_mount, {"/mnt", "/mnt/a b"},
         {"", "/", "mnt", "/a/../b", "/a/./b", "/a:b", "/a//b", "/a/", "/a\nb"});
}

TEST(Names, QuantitiesAreThoseOfKubernetes) {
  expect(&checked_quantity, {"4", "0.5", "500m", "16Gi", "1500M"},
         {"", "0", "0Gi", "-1", "4 ", "1e3", "16GB", "Gi", ".5", "1.", "1.2.3", "16gi"});
}

TEST(Options, SelectorsAreReadAndTheUserIsToldTheFlag) {
  Spec spec = test_spec();
  spec.settings["node-selector"] = "nvidia.com/gpu.product=Tesla-T4,disk=ssd";
  EXPECT_EQ(options_of(spec).selector.at("nvidia.com/gpu.product"), "Tesla-T4");
  EXPECT_EQ(options_of(spec).selector.size(), 2u);
  spec.settings["node-selector"] = "disk";
  EXPECT_NE(error_of([&] { options_of(spec); }).find("--node-selector"), std::string::npos);
  spec.settings.erase("node-selector");
  spec.settings["cloud"] = "gka";
  EXPECT_NE(error_of([&] { options_of(spec); }).find("gke"), std::string::npos);
}

TEST(Options, AnImageIsRequired) {
  Spec spec = test_spec();
  spec.settings.clear();
  EXPECT_NE(error_of([&] { options_of(spec); }).find("--image"), std::string::npos);
}

TEST(Options, AVolumeIsAClaimAndAPath) {
  Spec spec = test_spec();
  spec.settings["volume"] = "photos:/mnt/photos";
  EXPECT_EQ(options_of(spec).claim, "photos");
  EXPECT_EQ(options_of(spec).mount, "/mnt/photos");
  for (const char* bad : {"photos", "photos:", ":/mnt", "photos:mnt", "photos:/mnt/../etc"}) {
    spec.settings["volume"] = bad;
    EXPECT_THROW(options_of(spec), Error) << bad;
  }
}

}  // namespace
}  // namespace oko::jobs::kubernetes
