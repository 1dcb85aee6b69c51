#pragma once

#include <string_view>

namespace oko::cost {

// gpus.csv and prices.csv as they are in the repository.
extern const std::string_view kGpuTable, kPriceTable;

}  // namespace oko::cost
