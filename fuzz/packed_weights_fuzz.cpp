// needs: runtime graph
// Any cache of packed weights is accepted or rejected. What is accepted runs; a file whose content
// does not match its header is rejected.

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "oko/runtime/executor.h"
#include "oko/runtime/memory.h"
#include "oko/runtime/model.h"
#include "oko/runtime/quantize.h"
#include "oko/runtime/test_networks.h"

namespace {

using namespace oko::runtime;
namespace graph = oko::graph;

constexpr std::size_t kHeader = 64;

// A model of each precision, and the file that it is cached in.
struct Cached {
  graph::Network network;
  ModelOptions options;
  std::vector<std::byte> file;
};

Cached make_cached(Precision precision) {
  NetworkBuilder n({3, 8, 8});
  n.head(n.depthwise(n.convolution(n.convolution(graph::kNetworkInput, 12), 20, 1)));
  Cached cached{n.finish(), {precision, oko::best_simd_target()}, {}};
  const std::vector<std::vector<std::uint8_t>> images{
      std::vector<std::uint8_t>(static_cast<std::size_t>(cached.network.input.count()), 99)};
  quantize(cached.network, images, {}, [] {});
  cached.file = Model::make(cached.network, cached.options)->packed();
  return cached;
}

// The cached file with some bytes changed, each by four bytes of `edits`: its offset (three), and
// the value to combine it with.
bool edit(std::vector<std::byte>& file, std::span<const std::uint8_t> edits) {
  const std::vector<std::byte> whole = file;
  bool in_header = false;
  for (; edits.size() >= 4; edits = edits.subspan(4)) {
    const std::size_t at = (edits[0] | edits[1] << 8U | edits[2] << 16U) % file.size();
    file[at] ^= std::byte{edits[3]};
    in_header = in_header || at < kHeader;
  }
  return in_header || file == whole;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::array<Cached, 3> all = {make_cached(Precision::kFloat32),
                                            make_cached(Precision::kFloat16),
                                            make_cached(Precision::kInt8)};
  if (size == 0) return 0;
  const std::span<const std::uint8_t> rest(data + 1, size - 1);
  const Cached& cached = all[data[0] / 2 % all.size()];
  std::vector<std::byte> file;
  bool may_be_taken = true;
  if (data[0] % 2 == 0) {
    file.assign(std::as_bytes(rest).begin(), std::as_bytes(rest).end());
  } else {
    file = cached.file;
    may_be_taken = edit(file, rest);
  }
  const std::shared_ptr<std::byte[]> memory = aligned_bytes(std::max<std::size_t>(file.size(), 1));
  if (!file.empty()) std::memcpy(memory.get(), file.data(), file.size());
  const oko::Bytes bytes(memory, std::span<const std::byte>(memory.get(), file.size()));
  may_be_replaced(bytes);
  const auto model = Model::from_packed(cached.network, cached.options, bytes);
  if (file == cached.file && model == nullptr) std::abort();
  if (model == nullptr) return 0;
  if (!may_be_taken) std::abort();
  Executor executor(model, 1);
  std::ranges::fill(executor.input(), .5F);
  executor.run();
  return 0;
}
