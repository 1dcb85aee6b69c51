#include "oko/graph/precision.h"

#include <algorithm>
#include <array>

namespace oko::graph {
namespace {

constexpr std::array<const char*, 3> kNames{"fp32", "fp16", "int8"};

}  // namespace

const char* name_of(Precision precision) { return kNames[static_cast<std::size_t>(precision)]; }

std::optional<Precision> precision_named(std::string_view name) {
  const auto found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<Precision>(found - kNames.begin());
}

}  // namespace oko::graph
