#include <iostream>

#include "oko/cli/cli.h"

namespace oko::cli {

void Context::say(const std::string& line) const {
  if (!json && !quiet) std::cout << line << '\n';
}

void Context::emit(const Json& document) const {
  if (json) std::cout << document.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
}

}  // namespace oko::cli
