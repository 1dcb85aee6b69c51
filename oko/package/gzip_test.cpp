#include "oko/package/gzip.h"

#include <gtest/gtest.h>

#include <string>

#include "oko/package/process.h"
#include "oko/storage/test_noise.h"

namespace oko::package {
namespace {

// Written in pieces of `step` bytes.
std::string gzipped(const std::string& content, std::size_t step) {
  std::string file;
  GzipWriter gzip([&](std::span<const std::byte> piece) {
    file.append(reinterpret_cast<const char*>(piece.data()), piece.size());
  });
  for (std::size_t at = 0; at < content.size(); at += step) {
    gzip.write(std::as_bytes(std::span(content)).subspan(at, std::min(step, content.size() - at)));
  }
  gzip.finish();
  return file;
}

std::string unzipped(const std::string& file) {
  const ProcessResult result = run_process(
      {.words = {"gzip", "-dc"}, .environment = {}, .input = file, .most_output = 64 << 20});
  return result.exit_code == 0 ? result.output : "gzip failed";
}

TEST(Gzip, IsReadByGzip) {
  const std::string content = storage::noise(1'500'000, 1) + std::string(3'000'000, 'x');
  const std::string file = gzipped(content, 100'000);
  EXPECT_LT(file.size(), 1'600'000u);
  EXPECT_TRUE(unzipped(file) == content);
  EXPECT_EQ(unzipped(gzipped("", 1)), "");
}

TEST(Gzip, DoesNotDependOnHowTheContentIsCut) {
  const std::string content = storage::noise(2'500'000, 2);
  EXPECT_TRUE(gzipped(content, 7'001) == gzipped(content, content.size()));
}

TEST(Gzip, ContainsNoTime) { EXPECT_EQ(gzipped("x", 1).substr(4, 4), std::string(4, '\0')); }

}  // namespace
}  // namespace oko::package
