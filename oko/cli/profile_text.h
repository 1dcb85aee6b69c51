#pragma once

#include <string>

#include "oko/base/json.h"
#include "oko/runtime/profile/profile.h"

namespace oko::cli {

// Human-readable; without a final newline.
std::string table_text(const runtime::Profile& profile);
std::string summary_text(const runtime::Profile& profile);
Json profile_json(const runtime::Profile& profile);

}  // namespace oko::cli
