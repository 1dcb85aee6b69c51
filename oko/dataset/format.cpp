#include "oko/dataset/format.h"

#include <algorithm>

#include "oko/base/suggest.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

template <typename Of>
std::vector<std::string> each_format(Of of) {
  std::vector<std::string> all;
  for (const Format* format : formats()) all.emplace_back(of(*format));
  return all;
}

}  // namespace

bool has_extension(const FormatFile& file, std::string_view extension) {
  return std::ranges::find(file.extensions, extension) != file.extensions.end();
}

const Format* find_format(std::string_view name) {
  const auto found = std::ranges::find(formats(), name, &Format::name);
  return found == formats().end() ? nullptr : *found;
}

const Format& format_named(std::string_view name, const std::string& place) {
  if (const Format* format = find_format(name)) return *format;
  const std::vector<std::string_view> known(format_names().begin(), format_names().end());
  throw unknown_word(ErrorCode::kUsage, place, "format", name, known);
}

const std::vector<std::string>& format_names() {
  static const auto names = each_format([](const Format& format) { return format.name; });
  return names;
}

const std::vector<std::string>& format_titles() {
  static const auto titles = each_format([](const Format& format) { return format.title; });
  return titles;
}

std::vector<const Sample*> NewSplit::originals() const {
  std::vector<const Sample*> all;
  for (const NewSample& one : samples) all.push_back(one.sample);
  return all;
}

std::vector<std::string> NewSplit::picture_paths() const {
  std::vector<std::string> all;
  for (const NewSample& one : samples) all.push_back(one.picture);
  return all;
}

std::vector<std::string> NewSplit::picture_names() const {
  std::vector<std::string> all;
  for (const NewSample& one : samples) all.push_back(storage::filename(one.picture));
  return all;
}

}  // namespace oko::dataset
