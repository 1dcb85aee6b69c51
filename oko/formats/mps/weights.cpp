#include <cstring>

#include "oko/base/half.h"
#include "oko/formats/mps/plan.h"

namespace oko::formats::mps {
namespace {

constexpr char kMagic[8] = {'o', 'k', 'o', '-', 'm', 'p', 's', '\n'};
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kHeader = 32, kEntry = 32, kAlignment = 16;

std::size_t aligned(std::size_t offset) {
  return (offset + kAlignment - 1) / kAlignment * kAlignment;
}

template <typename T>
void put(std::vector<std::byte>& file, std::size_t at, T value) {
  std::memcpy(file.data() + at, &value, sizeof value);
}

void put_kernel(std::vector<std::byte>& file, std::size_t at, const std::vector<float>& kernel,
                graph::Precision type) {
  if (type == graph::Precision::kFloat32) {
    std::memcpy(file.data() + at, kernel.data(), kernel.size() * sizeof(float));
    return;
  }
  for (std::size_t i = 0; i < kernel.size(); ++i) {
    put(file, at + i * sizeof(Half), to_half(kernel[i]).bits);
  }
}

}  // namespace

std::vector<std::byte> weights_file(const Plan& plan, graph::Precision type) {
  const std::size_t number = type == graph::Precision::kFloat16 ? sizeof(Half) : sizeof(float);
  std::size_t end = kHeader + kEntry * plan.kernels.size();
  std::vector<std::uint64_t> offsets;  // kernel, bias, kernel, …
  for (const MpsKernel& kernel : plan.kernels) {
    for (const std::size_t bytes :
         {kernel.kernel.size() * number, kernel.bias.size() * sizeof(float)}) {
      offsets.push_back(aligned(end));
      end = offsets.back() + bytes;
    }
  }
  std::vector<std::byte> file(end);
  std::memcpy(file.data(), kMagic, sizeof kMagic);
  put(file, 8, kVersion);
  put(file, 12, static_cast<std::uint32_t>(type == graph::Precision::kFloat16 ? 16 : 32));
  put(file, 16, static_cast<std::uint64_t>(plan.kernels.size()));
  put(file, 24, static_cast<std::uint64_t>(end));
  for (std::size_t i = 0; i < plan.kernels.size(); ++i) {
    const MpsKernel& kernel = plan.kernels[i];
    const std::size_t at = kHeader + i * kEntry;
    put(file, at, offsets[2 * i]);
    put(file, at + 8, static_cast<std::uint64_t>(kernel.kernel.size()));
    put(file, at + 16, offsets[2 * i + 1]);
    put(file, at + 24, static_cast<std::uint64_t>(kernel.bias.size()));
    put_kernel(file, offsets[2 * i], kernel.kernel, type);
    std::memcpy(file.data() + offsets[2 * i + 1], kernel.bias.data(),
                kernel.bias.size() * sizeof(float));
  }
  return file;
}

}  // namespace oko::formats::mps
