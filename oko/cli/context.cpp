#include <iostream>

#include "oko/cli/cli.h"

namespace oko::cli {

void Context::say(const std::string& line) const {
  if (!json && !quiet) std::cout << line << '\n';
}

void Context::emit(const Json& document) const {
  if (json) std::cout << document.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
}

void Context::complain(const Error& error) const {
  const std::string line = std::string("oko: error: ") + error.what();
  if (quiet || !progress) {
    std::cerr << line << '\n';
  } else {
    progress->line(line);
  }
}

}  // namespace oko::cli
