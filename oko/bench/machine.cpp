#include "oko/bench/machine.h"

#include <array>
#include <charconv>
#include <fstream>
#include <iterator>
#include <map>

#include "oko/base/text.h"

namespace oko::bench {
namespace {

// CPU part numbers of Arm itself (implementer 0x41), as in the kernel's asm/cputype.h.
struct Part {
  unsigned number;
  const char* name;
};
constexpr auto kParts = std::to_array<Part>({
    {0xc05, "Cortex-A5"},   {0xc07, "Cortex-A7"},   {0xc08, "Cortex-A8"},   {0xc09, "Cortex-A9"},
    {0xc0f, "Cortex-A15"},  {0xd03, "Cortex-A53"},  {0xd04, "Cortex-A35"},  {0xd05, "Cortex-A55"},
    {0xd07, "Cortex-A57"},  {0xd08, "Cortex-A72"},  {0xd09, "Cortex-A73"},  {0xd0a, "Cortex-A75"},
    {0xd0b, "Cortex-A76"},  {0xd0c, "Neoverse-N1"}, {0xd0d, "Cortex-A77"},  {0xd40, "Neoverse-V1"},
    {0xd41, "Cortex-A78"},  {0xd44, "Cortex-X1"},   {0xd46, "Cortex-A510"}, {0xd47, "Cortex-A710"},
    {0xd48, "Cortex-X2"},   {0xd49, "Neoverse-N2"}, {0xd4d, "Cortex-A715"}, {0xd4e, "Cortex-X3"},
    {0xd4f, "Neoverse-V2"}, {0xd80, "Cortex-A520"}, {0xd81, "Cortex-A720"}, {0xd82, "Cortex-X4"},
});
constexpr unsigned kArm = 0x41;
constexpr std::size_t kMostName = 200;

std::string name_of(unsigned implementer, unsigned part) {
  for (const Part& known : kParts) {
    if (implementer == kArm && known.number == part) return known.name;
  }
  std::array<char, 16> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), part, 16).ptr;
  return (implementer == kArm ? "Arm 0x" : "part 0x") + std::string(digits.data(), end);
}

// Calls take(key, value) for the lines "key : value".
template <typename Take>
void for_lines(std::string_view text, const Take& take) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(line.size() < text.size() ? line.size() + 1 : text.size());
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    take(trimmed(line.substr(0, colon)), trimmed(line.substr(colon + 1)));
  }
}

unsigned hexadecimal(std::string_view text) {  // "0xd03"
  unsigned value = 0;
  if (text.starts_with("0x")) text.remove_prefix(2);
  std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return value;
}

std::string text_of(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

std::string processor_of(std::string_view cpuinfo) {
  std::string model;
  std::map<std::string, int> cores;
  unsigned implementer = 0;
  for_lines(cpuinfo, [&](std::string_view key, std::string_view value) {
    if (key == "model name" && model.empty()) model = value;
    if (key == "CPU implementer") implementer = hexadecimal(value);
    if (key == "CPU part") ++cores[name_of(implementer, hexadecimal(value))];
  });
  std::string text;
  for (const auto& [name, count] : cores) {
    text += (text.empty() ? "" : ", ") + std::to_string(count) + "x " + name;
  }
  if (text.empty()) text = model;
  return text.substr(0, kMostName);
}

std::string processor() { return processor_of(text_of("/proc/cpuinfo")); }

std::uint64_t peak_bytes_of(std::string_view status) {
  std::uint64_t kilobytes = 0;
  for_lines(status, [&](std::string_view key, std::string_view value) {
    if (key == "VmHWM") std::from_chars(value.data(), value.data() + value.size(), kilobytes);
  });
  return kilobytes * 1024;
}

std::uint64_t peak_bytes() { return peak_bytes_of(text_of("/proc/self/status")); }

const char* abi() {
#if defined(__aarch64__)
  return "arm64-v8a";
#elif defined(__arm__)
  return "armeabi-v7a";
#elif defined(__x86_64__)
  return "x86_64";
#elif defined(__i386__)
  return "x86";
#else
  return "";
#endif
}

}  // namespace oko::bench
