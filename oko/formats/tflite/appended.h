#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// The zip archive at the end of a model, by which Android's tools and exporters add files to it.
namespace oko::formats::tflite {

namespace zip {
inline constexpr std::uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50;
inline constexpr std::size_t kEndSize = 22, kCentralSize = 46, kLocalSize = 30;
}  // namespace zip

struct AppendedFile {
  std::string name, text;
};
// Those that are stored or deflated, of at most 1 MiB each; up to the first one that is damaged.
std::vector<AppendedFile> appended_files(std::string_view model);

}  // namespace oko::formats::tflite
