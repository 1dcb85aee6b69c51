#include "oko/dataset/list_paths.h"

#include <algorithm>

#include "oko/dataset/text.h"
#include "oko/storage/store.h"

namespace oko::dataset {

bool is_image_list(std::string_view text) {
  for (const std::string_view line : split_lines(text.substr(0, std::size_t{1} << 16))) {
    if (!trimmed(line).empty()) return is_picture_extension(storage::extension(trimmed(line)));
  }
  return false;
}

ListPaths::ListPaths(const Tree& tree, std::string folder, const std::vector<std::string>& written)
    : tree_(tree), folder_(std::move(folder)) {
  std::vector<std::string> paths;
  for (const std::string& line : written) {
    const bool elsewhere = is_foreign_path(line) && !line.starts_with("..");
    if (elsewhere ? !tree.is_listed() : !tree.find_path(line, folder_).empty()) return;
    if (std::string path = normal_path(line); !path.empty()) paths.push_back(std::move(path));
  }
  if (paths.empty()) return;
  std::string prefix;
  for (const std::string_view name : folders_of(paths.front())) {
    prefix += std::string(name) + "/";
    const bool common = std::all_of(paths.begin(), paths.end(), [&](const std::string& path) {
      return path.starts_with(prefix);
    });
    if (!common || tree.has_picture_folder(name)) return;
    if (std::any_of(paths.begin(), paths.end(), [&](const std::string& path) {
          return tree.has(path.substr(prefix.size()));
        })) {
      start_ = prefix;
      return;
    }
  }
}

std::string ListPaths::find(const std::string& written) const {
  if (start_.empty()) return tree_.find_path(written, folder_);
  for (const std::string& path : {plain_path(written), normal_path(written)}) {
    if (path.starts_with(start_)) return tree_.find_path(path.substr(start_.size()), "");
  }
  return "";
}

}  // namespace oko::dataset
