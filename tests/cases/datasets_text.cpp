#include "tests/cases/support.h"

namespace oko::cases {

std::vector<Expected> text_cases() {
  return {};
}

}  // namespace oko::cases
