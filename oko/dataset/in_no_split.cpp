#include "oko/dataset/in_no_split.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "oko/storage/store.h"

namespace oko::dataset {

void report_in_no_split(Source& source, const Format& format) {
  const std::vector<Finding>& findings = source.findings;
  if (std::any_of(findings.begin(), findings.end(),
                  [](const Finding& finding) { return finding.kind == "in-no-split"; })) {
    return;
  }
  const bool by_folder = format.is_file_per_image;
  std::map<std::string, std::size_t> unsplit;          // images by file or folder
  std::map<std::string, std::set<std::string>> files;  // by folder
  bool has_splits = false;
  for (const SourcePicture& picture : source.pictures) {
    if (!by_folder) files[storage::parent(picture.annotation)].insert(picture.annotation);
    has_splits = has_splits || !picture.split.empty();
    if (!picture.split.empty()) continue;
    ++unsplit[by_folder ? storage::parent(picture.image) : picture.annotation];
  }
  if (!has_splits) {
    std::erase_if(unsplit,
                  [&](const auto& one) { return files[storage::parent(one.first)].size() < 2; });
  }
  for (const auto& [place, count] : unsplit) {
    add_note(source.findings, "in-no-split", place.empty() ? "." : place,
             fmt::format("is not called like a split: its images are in none ({})", count));
  }
}

}  // namespace oko::dataset
