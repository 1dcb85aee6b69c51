#include "oko/storage/transfer/manifest.h"

#include <chrono>
#include <cstdlib>

#include "oko/base/json.h"
#include "oko/storage/checksum.h"
#include "oko/storage/places.h"
#include "oko/storage/store.h"

namespace oko::storage {
namespace {

constexpr std::size_t kWaiting = 64 << 10;  // bytes of buffered lines
constexpr double kSeconds = 1;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// FNV-1a, with the length of each text in it so that "ab", "c" and "a", "bc" differ.
std::uint64_t hash(std::initializer_list<std::string_view> texts) {
  std::uint64_t value = 0xcbf29ce484222325;
  const auto add = [&](unsigned char c) { value = (value ^ c) * 0x100000001b3; };
  for (const std::string_view text : texts) {
    for (const char c : text) add(static_cast<unsigned char>(c));
    for (std::size_t n = text.size(); n > 0; n >>= 8) add(static_cast<unsigned char>(n));
    add(0);
  }
  return value;
}

std::string line_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string done_line(const std::string& name, const std::string& from, const std::string& to) {
  return line_of({{"done", name}, {"from", from}, {"to", to}});
}

std::string begin_line(const std::string& name, const BegunFile& file) {
  return line_of({{"begun", name}, {"from", file.version}, {"token", file.token}});
}

std::string part_line(const std::string& name, int index, const PartSums& sums) {
  return line_of({{"part", index},
                  {"of", name},
                  {"crc32c", sums.crc32c},
                  {"md5", hex(std::as_bytes(std::span(sums.md5)))}});
}

// "" if it is not a string.
std::string text_of(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

std::string unhex(const std::string& text) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes += static_cast<char>(std::strtol(text.substr(i, 2).c_str(), nullptr, 16));
  }
  return bytes;
}

}  // namespace

bool is_manifest(const std::string& path) {
  if (!exists(path)) return true;
  const Bytes content = map(path);
  const std::string_view text = content.text();
  if (text.empty()) return true;
  const Json heading = Json::parse(text.substr(0, text.find('\n')), nullptr, false);
  return heading.is_object() && heading.contains("oko") && heading["oko"] == "transfers";
}

Manifest::Manifest(std::string path, const std::string& from, const std::string& to)
    : path_(std::move(path)),
      heading_(line_of({{"oko", "transfers"}, {"from", from}, {"to", to}})),
      flushed_at_(now()) {
  if (!path_.empty()) read();
}

Manifest::~Manifest() {
  try {
    flush();
  } catch (const Error&) {  // it is only an optimization
  }
}

void Manifest::read() {
  if (!exists(path_)) return;
  const Bytes content = map(path_);
  std::string_view text = content.text();
  std::size_t lines = 0;
  for (auto end = text.find('\n'); end != text.npos; end = text.find('\n'), ++lines) {
    const Json json = Json::parse(text.substr(0, end), nullptr, false);
    text.remove_prefix(end + 1);
    if (!json.is_object()) continue;
    try {
      if (json.contains("done")) {
        const std::string name = json.at("done");
        done_[hash({name})] =
            hash({name, json.at("from").get<std::string>(), json.at("to").get<std::string>()});
        begun_.erase(name);
      } else if (json.contains("begun")) {
        begun_[json.at("begun")] = {json.at("from"), json.at("token"), {}};
      } else if (json.contains("part")) {
        const auto file = begun_.find(json.at("of"));
        if (file == begun_.end()) continue;
        const PartSums sums{json.at("crc32c"), unhex(json.at("md5"))};
        const int index = json.at("part");
        if (index >= 0 && sums.md5.size() == 16) file->second.parts[index] = sums;
      } else if (json.contains("forgotten")) {
        begun_.erase(json.at("forgotten"));
      }
    } catch (const Json::exception&) {  // not one of our lines
    }
  }
  if (lines > 2 * done_.size() + 1000) compact(lines);
}

// Rewrites the file with the last line of each name.
void Manifest::compact(std::size_t) {
  const Bytes content = map(path_);
  std::string_view text = content.text();
  std::string kept = heading_;
  for (auto end = text.find('\n'); end != text.npos; end = text.find('\n')) {
    const std::string_view line = text.substr(0, end + 1);
    text.remove_prefix(end + 1);
    const Json json = Json::parse(line, nullptr, false);
    if (!json.is_object() || !json.contains("done")) continue;
    const std::string name = text_of(json, "done");
    const auto found = done_.find(hash({name}));
    if (found != done_.end() &&
        found->second == hash({name, text_of(json, "from"), text_of(json, "to")})) {
      kept += line;
    }
  }
  for (const auto& [name, file] : begun_) {
    kept += begin_line(name, file);
    for (const auto& [index, sums] : file.parts) kept += part_line(name, index, sums);
  }
  write(path_, kept);
}

bool Manifest::is_done(const std::string& name, const std::string& from_version,
                       const std::string& to_version) const {
  if (from_version.empty() || to_version.empty()) return false;
  const std::scoped_lock lock(mutex_);
  const auto found = done_.find(hash({name}));
  return found != done_.end() && found->second == hash({name, from_version, to_version});
}

std::optional<BegunFile> Manifest::begun(const std::string& name,
                                         const std::string& from_version) const {
  const std::scoped_lock lock(mutex_);
  const auto found = begun_.find(name);
  if (found == begun_.end() || found->second.version != from_version) return std::nullopt;
  return found->second;
}

bool Manifest::has_begun() const {
  const std::scoped_lock lock(mutex_);
  return !begun_.empty();
}

void Manifest::done(const std::string& name, const std::string& from_version,
                    const std::string& to_version) {
  if (is_done(name, from_version, to_version)) return;
  const std::scoped_lock lock(mutex_);
  done_[hash({name})] = hash({name, from_version, to_version});
  begun_.erase(name);
  add(done_line(name, from_version, to_version), false);
}

void Manifest::begin(const std::string& name, const std::string& from_version,
                     const std::string& token) {
  const std::scoped_lock lock(mutex_);
  BegunFile& file = begun_[name] = {from_version, token, {}};
  add(begin_line(name, file), true);
}

void Manifest::part(const std::string& name, int index, const PartSums& sums) {
  const std::scoped_lock lock(mutex_);
  begun_[name].parts[index] = sums;
  add(part_line(name, index, sums), true);
}

void Manifest::forget(const std::string& name) {
  const std::scoped_lock lock(mutex_);
  if (begun_.erase(name) > 0) add(line_of({{"forgotten", name}}), false);
}

void Manifest::flush() {
  const std::scoped_lock lock(mutex_);
  add("", true);
}

void Manifest::add(const std::string& line, bool at_once) {
  if (path_.empty()) return;
  waiting_ += line;
  if (waiting_.empty()) return;
  if (!at_once && waiting_.size() < kWaiting && now() - flushed_at_ < kSeconds) return;
  if (!exists(path_)) waiting_.insert(0, heading_);
  append(path_, waiting_);
  waiting_.clear();
  flushed_at_ = now();
}

std::string usual_manifest(const std::string& from, const std::string& to) {
  const char* state = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  const bool has_state = state != nullptr && *state != '\0';
  if (!has_state && (home == nullptr || *home == '\0')) return "";
  const std::string folder = has_state ? state : join(home, ".local/state");
  // Relative paths differ between working directories.
  const std::string both = absolute(from) + "\n" + absolute(to);
  return join(folder,
              "oko/transfers/" + sha256(std::as_bytes(std::span(both))).substr(0, 24) + ".jsonl");
}

}  // namespace oko::storage
