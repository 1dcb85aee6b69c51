#include "oko/dataset/disk_names.h"

#include "oko/base/class_list.h"
#include "oko/base/text.h"
#include "oko/dataset/unicode.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

// Decodes bytes that are not UTF-8 as Latin-1.
std::string from_latin1(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const CodePoint point = first_code_point(text);
    if (point.valid) {
      result += point.bytes;
    } else {
      const auto byte = static_cast<unsigned char>(text.front());
      result += static_cast<char>(0xC0 | byte >> 6);
      result += static_cast<char>(0x80 | (byte & 0x3F));
    }
    text.remove_prefix(point.bytes.size());
  }
  return result;
}

// "" if a character is not in Latin-1.
std::string to_latin1(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const CodePoint point = first_code_point(text);
    if (!point.valid || point.value > 0xFF) return "";
    result += static_cast<char>(point.value);
    text.remove_prefix(point.bytes.size());
  }
  return result;
}

std::string usual_name(const std::string& on_disk) {
  return composed(is_valid_utf8(on_disk) ? on_disk : from_latin1(on_disk));
}

}  // namespace

void DiskNames::rename(std::vector<std::string>& paths) {
  std::set<std::string> taken;
  for (const std::string& path : paths) {
    const std::string name = usual_name(path);
    if (!taken.insert(name).second) both_forms_.insert(storage::stem(name));
  }
  for (std::string& path : paths) {
    std::string name = usual_name(path);
    if (name == path || both_forms_.contains(storage::stem(name))) continue;
    on_disk_.emplace(name, path);
    path = std::move(name);
  }
}

bool DiskNames::has_both_forms(const std::string& path) const {
  return !both_forms_.empty() && both_forms_.contains(storage::stem(usual_name(path)));
}

std::string DiskNames::name_of(const std::string& on_disk) const {
  std::string path = usual_name(on_disk);
  const auto found = on_disk_.find(path);
  return found != on_disk_.end() && found->second == on_disk ? path : on_disk;
}

const std::string& DiskNames::on_disk(const std::string& path) const {
  const auto found = on_disk_.find(path);
  return found == on_disk_.end() ? path : found->second;
}

std::string spelled_on_disk(const std::string& root, const std::string& path) {
  const std::string usual = composed(path);
  for (const std::string& spelling : {path, usual, decomposed(path), to_latin1(usual)}) {
    if (!spelling.empty() && storage::exists(storage::join(root, spelling))) return spelling;
  }
  return path;
}

}  // namespace oko::dataset
