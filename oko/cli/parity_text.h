#pragma once

#include <string>

#include "oko/base/json.h"
#include "oko/convert/parity.h"

namespace oko::cli {

// A table of the outputs, the comparison of boxes, and the first layer that differs, if any.
std::string parity_text(const convert::Parity& parity, const convert::ParityOptions& options);
Json boxes_json(const convert::BoxAgreement& boxes);
Json parity_json(const convert::Parity& parity);

}  // namespace oko::cli
