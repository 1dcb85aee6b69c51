#include "oko/jobs/backend.h"

#include "oko/base/suggest.h"

namespace oko::jobs {

const Backend& backend_named(std::string_view name) {
  std::vector<std::string_view> known;
  for (const Backend* backend : backends()) {
    if (backend->name() == name) return *backend;
    known.push_back(backend->name());
  }
  throw unknown_word(ErrorCode::kUsage, "--on", "", name, known);
}

}  // namespace oko::jobs
