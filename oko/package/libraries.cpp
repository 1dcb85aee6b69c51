#include "oko/package/libraries.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>

#include "oko/base/error.h"
#include "oko/package/process.h"

namespace oko::package {
namespace {

constexpr std::size_t kMostText = std::size_t{4} << 20;

// Of the GPU's driver: it has to fit the machine's kernel module.
bool is_driver(std::string_view name) {
  constexpr std::array<std::string_view, 3> kPrefixes{"libcuda.so", "libnvidia-", "libnvcuvid.so"};
  return std::ranges::any_of(kPrefixes, [&](auto prefix) { return name.starts_with(prefix); });
}

// A variant for processors like this one (/lib/glibc-hwcaps/x86-64-v3/libx.so) is replaced by the
// one for all.
std::string portable(const std::string& path) {
  constexpr std::string_view kVariants = "/glibc-hwcaps/";
  const auto at = path.find(kVariants);
  if (at == path.npos) return path;
  const auto end = path.find('/', at + kVariants.size());
  const std::string general = path.substr(0, at) + (end == path.npos ? "" : path.substr(end));
  std::error_code error;
  return std::filesystem::exists(general, error) ? general : path;
}

Linked listed(const std::vector<std::string>& words, const std::vector<std::string>& environment,
              const std::string& program) {
  const ProcessResult result = run_process(
      {.words = words, .environment = environment, .input = {}, .most_output = kMostText});
  if (result.exit_code != 0) {
    throw input_error(program, "the dynamic loader cannot list its libraries",
                      "is it a program of this kind of processor?");
  }
  return parse_loader_list(result.output, program);
}

}  // namespace

Linked parse_loader_list(std::string_view text, const std::string& program) {
  constexpr std::string_view kArrow = " => ";
  Linked linked;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    while (line.starts_with('\t') || line.starts_with(' ')) line.remove_prefix(1);
    const auto arrow = line.find(kArrow);
    const std::string_view name = line.substr(0, std::min(arrow, line.find(" (0x")));
    if (arrow == line.npos) {
      if (name.starts_with('/')) linked.loader = name;
      continue;  // or the kernel's: it has no file
    }
    const std::string_view rest = line.substr(arrow + kArrow.size());
    const std::string_view path = rest.substr(0, rest.rfind(" (0x"));
    if (is_driver(name)) continue;
    if (!path.starts_with('/')) {
      throw input_error(program, "needs the library " + std::string(name) + ", which is missing",
                        "install it, or set LD_LIBRARY_PATH to its folder");
    }
    if (name.starts_with('/')) {
      linked.loader = name;
    } else if (name.starts_with("ld-linux")) {
      linked.loader = path;
    } else {
      linked.libraries.push_back({std::string(name), portable(std::string(path))});
    }
  }
  if (linked.loader.empty() && linked.libraries.empty()) {
    throw input_error(program, "is not linked dynamically", "bundle an oko built for this system");
  }
  return linked;
}

Linked libraries_of(const std::string& program) {
  Linked linked = listed({program}, {"LD_TRACE_LOADED_OBJECTS=1"}, program);
  if (linked.loader.empty()) throw input_error(program, "names no dynamic loader");
  return linked;
}

Linked libraries_of_plugin(const std::string& plugin, const std::string& loader) {
  return listed({loader, "--list", plugin}, {}, plugin);
}

}  // namespace oko::package
