#include "oko/dataset/finding.h"

#include <utility>

#include "oko/base/error.h"

namespace oko::dataset {

namespace {

Finding& add(std::vector<Finding>& findings, Finding::Severity severity, std::string kind,
             std::string place, std::string message, std::string repair) {
  Finding& finding = findings.emplace_back();
  finding.severity = severity;
  finding.kind = std::move(kind);
  finding.place = std::move(place);
  finding.message = std::move(message);
  finding.repair = std::move(repair);
  return finding;
}

}  // namespace

const char* name_of(Finding::Severity severity) {
  switch (severity) {
    case Finding::Severity::kError:
      return "error";
    case Finding::Severity::kWarning:
      return "warning";
    default:
      return "note";
  }
}

Finding& add_error(std::vector<Finding>& findings, std::string kind, std::string place,
                   std::string message, std::string repair) {
  return add(findings, Finding::Severity::kError, std::move(kind), std::move(place),
             std::move(message), std::move(repair));
}

Finding& add_warning(std::vector<Finding>& findings, std::string kind, std::string place,
                     std::string message, std::string repair) {
  return add(findings, Finding::Severity::kWarning, std::move(kind), std::move(place),
             std::move(message), std::move(repair));
}

Finding& add_note(std::vector<Finding>& findings, std::string kind, std::string place,
                  std::string message, std::string repair) {
  return add(findings, Finding::Severity::kNote, std::move(kind), std::move(place),
             std::move(message), std::move(repair));
}

void throw_first_error(const std::vector<Finding>& findings, const std::string& uri) {
  for (const Finding& finding : findings) {
    if (finding.severity != Finding::Severity::kError) continue;
    throw input_error(finding.place, finding.message,
                      "oko data check " + uri + " lists everything");
  }
}

}  // namespace oko::dataset
