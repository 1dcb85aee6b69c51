#include "tests/cases/support.h"

namespace oko::cases {

std::vector<Expected> matching_cases() {
  return {};
}

}  // namespace oko::cases
