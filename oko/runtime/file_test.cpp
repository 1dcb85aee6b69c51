#include "oko/runtime/file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <fstream>

#include "oko/graph/oko_file.h"
#include "oko/runtime/model.h"
#include "oko/runtime/test_networks.h"

namespace oko::runtime {
namespace {

#if defined(__linux__)
// Bytes of a mapping that are in this process's memory.
std::size_t resident(const Bytes& mapped) {
  std::ifstream maps("/proc/self/smaps");
  const auto wanted = reinterpret_cast<std::uintptr_t>(mapped.data());
  bool here = false;
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t from = 0, to = 0;
    std::size_t kilobytes = 0;
    if (std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR " ", &from, &to) == 2) {
      here = from <= wanted && wanted < to;
    } else if (here && std::sscanf(line.c_str(), "Rss: %zu kB", &kilobytes) == 1) {
      return kilobytes << 10;
    }
  }
  ADD_FAILURE() << "there is no such mapping";
  return 0;
}

std::string write_file(const std::string& name, std::span<const std::byte> bytes) {
  const std::string path = testing::TempDir() + name;
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  return path;
}

TEST(MappedFile, PagesAreDroppedAndReadAgain) {
  std::vector<std::byte> content(1 << 20);
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<std::byte>(i % 251);
  const std::string path = write_file("oko_mapped", content);
  const Bytes mapped = map_file(path);
  const auto same = [&] { return std::ranges::equal(mapped.span(), content); };
  ASSERT_TRUE(same());
  EXPECT_EQ(resident(mapped), content.size());
  drop_pages(mapped.span().subspan(content.size() / 2, 1), mapped.span());
  EXPECT_LT(resident(mapped), content.size());
  EXPECT_GT(resident(mapped), content.size() / 2);
  drop_pages(mapped.span(), mapped.span());
  EXPECT_EQ(resident(mapped), 0U);
  EXPECT_TRUE(same());
  std::remove(path.c_str());
}

TEST(MappedFile, OtherMemoryIsNotTouched) {
  std::vector<std::byte> other(1 << 20, std::byte{7});
  const std::string path = write_file("oko_mapped_other", other);
  const Bytes mapped = map_file(path);
  drop_pages(other, mapped.span());
  drop_pages(other, {});
  EXPECT_EQ(std::ranges::count(other, std::byte{7}), std::ssize(other));
  std::remove(path.c_str());
}

// Weights that were packed need not be in memory twice.
TEST(MappedFile, PackedWeightsLeaveMemory) {
  NetworkBuilder n({3, 8, 8});
  n.head(n.convolution(n.convolution(graph::kNetworkInput, 256), 256));
  const std::string path = write_file("oko_mapped_model", graph::write_oko(n.finish()));
  const Bytes mapped = map_file(path);
  graph::Network network = graph::read_oko(mapped, path).network;
  ModelOptions options;
  const auto kept = Model::make(network, options);
  EXPECT_GT(resident(mapped), mapped.size() / 2);
  options.mapped = mapped.span();
  const auto dropped = Model::make(network, options);
  EXPECT_LT(resident(mapped), mapped.size() / 4);
  EXPECT_EQ(dropped->packed(), kept->packed());
  std::remove(path.c_str());
}
#endif

}  // namespace
}  // namespace oko::runtime
