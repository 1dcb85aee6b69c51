#include "oko/jobs/process.h"

#include <fmt/format.h>

#include <charconv>
#include <fstream>
#include <iterator>

namespace oko::jobs {
namespace {

std::string text_of_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The word after `skipped` others; empty if there are fewer.
std::string_view word_after(std::string_view text, int skipped) {
  for (;; --skipped) {
    text.remove_prefix(std::min(text.find_first_not_of(" \n"), text.size()));
    const std::string_view word = text.substr(0, text.find_first_of(" \n"));
    if (skipped == 0 || word.empty()) return word;
    text.remove_prefix(word.size());
  }
}

template <typename T>
bool read_number(std::string_view word, T& value) {
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  return !word.empty() && error == std::errc() && end == word.data() + word.size();
}

}  // namespace

Json to_json(const ProcessIdentity& process) {
  return {{"process", process.id}, {"started", process.started}, {"boot", process.boot}};
}

ProcessIdentity process_from_json(const Json& json, const std::string& name) {
  return {json_get<std::int64_t>(json, "process", name),
          json_get<std::uint64_t>(json, "started", name),
          json_get<std::string>(json, "boot", name)};
}

std::optional<ProcessIdentity> parse_process(std::string_view stat, std::string_view boot) {
  // "4711 (name, which may contain anything) S …": what follows the last ')' is unambiguous.
  const std::size_t close = stat.rfind(')');
  if (close == std::string_view::npos) return std::nullopt;
  const std::string_view after = stat.substr(close + 1);
  ProcessIdentity process;
  if (!read_number(word_after(stat, 0), process.id)) return std::nullopt;
  constexpr int kStarted = 22, kState = 3;  // fields as proc(5) counts them
  const std::string_view state = word_after(after, 0);
  if (state.empty() || state == "Z" || state == "X") return std::nullopt;
  if (!read_number(word_after(after, kStarted - kState), process.started)) return std::nullopt;
  process.boot = word_after(boot, 0);
  if (process.boot.empty()) return std::nullopt;
  return process;
}

std::optional<ProcessIdentity> process_on_this_machine(std::int64_t id) {
  return parse_process(text_of_file(fmt::format("/proc/{}/stat", id)),
                       text_of_file("/proc/sys/kernel/random/boot_id"));
}

bool is_alive(const ProcessIdentity& process) {
  return process_on_this_machine(process.id) == process;
}

}  // namespace oko::jobs
