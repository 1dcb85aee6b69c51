#include <gmock/gmock.h>

#include "tests/cases/support.h"

namespace oko::cases {
namespace {}  // namespace
}  // namespace oko::cases
