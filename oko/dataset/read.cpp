#include "oko/dataset/read.h"

#include <fmt/format.h>

#include "oko/base/error.h"
#include "oko/dataset/assemble.h"
#include "oko/dataset/voc.h"

namespace oko::dataset {

Dataset read(const std::string& uri, const ReadOptions& options, std::vector<Finding>* findings) {
  const Tree tree(uri);
  std::vector<Finding> found;
  Dataset dataset = assemble(tree, read_voc(tree), options, found);
  if (dataset.samples.empty()) {
    throw input_error(uri, "there are no pictures in the dataset");
  }
  if (findings) {
    findings->insert(findings->end(), found.begin(), found.end());
    return dataset;
  }
  for (const Finding& finding : found) {
    if (finding.severity != Finding::Severity::kError) continue;
    throw input_error(finding.place, finding.message,
                      "oko data check " + uri + " lists everything");
  }
  return dataset;
}

}  // namespace oko::dataset
