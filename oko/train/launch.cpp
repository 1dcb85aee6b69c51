#include "oko/train/launch.h"

#include <fmt/format.h>

#include <charconv>
#include <string_view>

#include "oko/base/error.h"

namespace oko::train {
namespace {

constexpr int kMostWorkers = 4096, kMostPort = 65535;
constexpr const char* kHint =
    "a launcher sets WORLD_SIZE, RANK, MASTER_ADDR and MASTER_PORT for every worker; unset "
    "WORLD_SIZE to train with one";

std::string text_of(const Environment& environment, const char* name) {
  const char* value = environment(name);
  return value == nullptr ? "" : value;
}

std::optional<int> number_of(const Environment& environment, const char* name, int low, int high) {
  const std::string text = text_of(environment, name);
  if (text.empty()) return std::nullopt;
  int value = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  if (error == std::errc() && end == last && value >= low && value <= high) return value;
  throw Error(ErrorCode::kUsage, fmt::format("{}={}", name, text),
              fmt::format("must be a whole number from {} to {}", low, high), kHint);
}

Error missing(const char* name, int size) {
  return {ErrorCode::kUsage, name, fmt::format("is not set, but WORLD_SIZE is {}", size), kHint};
}

bool is_set(const Environment& environment, const char* name) {
  const std::string text = text_of(environment, name);
  return !text.empty() && text != "0";
}

}  // namespace

std::optional<Launch> read_launch(const Environment& environment) {
  Launch launch;
  launch.size = number_of(environment, "WORLD_SIZE", 1, kMostWorkers).value_or(1);
  if (launch.size == 1) return std::nullopt;
  const auto rank = number_of(environment, "RANK", 0, launch.size - 1);
  if (!rank) throw missing("RANK", launch.size);
  launch.rank = *rank;
  launch.address = text_of(environment, "MASTER_ADDR");
  if (launch.address.empty()) throw missing("MASTER_ADDR", launch.size);
  launch.port = number_of(environment, "MASTER_PORT", 1, kMostPort).value_or(launch.port);
  launch.local_rank = number_of(environment, "LOCAL_RANK", 0, kMostWorkers).value_or(-1);
  launch.interface = text_of(environment, "GLOO_SOCKET_IFNAME");
  launch.restart = is_set(environment, "OKO_RESTART");
  launch.least = number_of(environment, "OKO_MIN_WORKERS", 1, launch.size)
                     .value_or(launch.restart ? 1 : launch.size);
  return launch;
}

}  // namespace oko::train
