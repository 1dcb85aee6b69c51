#include "oko/dataset/read.h"

#include <fmt/format.h>

#include "oko/base/error.h"
#include "oko/dataset/assemble.h"
#include "oko/dataset/format.h"
#include "oko/dataset/in_no_split.h"
#include "oko/dataset/recognize.h"
#include "oko/dataset/unread.h"
#include "oko/dataset/upright.h"

namespace oko::dataset {
namespace {

Error nothing_left(const Dataset& dataset, const std::string& uri,
                   const std::vector<Finding>& findings) {
  std::string why;
  const Finding* first = nullptr;  // of the gravest
  std::ptrdiff_t count = 0;
  for (const Finding& finding : findings) {
    if (first == nullptr || finding.severity < first->severity) {
      first = &finding;
      count = 0;
    }
    count += finding.severity == first->severity ? 1 : 0;
  }
  if (first != nullptr) {
    why = fmt::format("; the first of {} reasons: {}: {}", count, first->place, first->message);
  }
  return input_error(uri,
                     fmt::format("no image of this {} dataset can be used{}", dataset.format, why));
}

}  // namespace

Dataset read(const std::string& uri, const ReadOptions& options, std::vector<Finding>* findings) {
  const Tree tree(uri);
  std::vector<Finding> found;
  const Format& format =
      options.format.empty() ? recognize(tree) : format_named(options.format, tree.root());
  Source source = format.read(tree, options.exif);
  report_in_no_split(source, format);
  report_unread(tree, source, format);
  for (const std::string& folder : tree.class_folders()) {
    add_note(
        source.findings, "class-folder", folder,
        "is named like a split but is among folders that are not splits, so it is not used as one");
  }
  turn_upright(tree, source, options.exif);
  Dataset dataset = assemble(tree, std::move(source), options, found);
  dataset.format = format.name;
  if (findings) {
    findings->insert(findings->end(), found.begin(), found.end());
  } else {
    throw_first_error(found, uri);
  }
  if (dataset.samples.empty()) throw nothing_left(dataset, uri, found);
  return dataset;
}

}  // namespace oko::dataset
