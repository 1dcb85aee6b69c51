#include <algorithm>
#include <iostream>

#include "oko/base/text.h"
#include "oko/cli/cli.h"

namespace oko::cli {

void Context::say(const std::string& line) const {
  if (!json && !quiet) std::cout << printable(line) << '\n';
}

void Context::say_lines(std::string_view text) const {
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    say(std::string(text.substr(at, end - at)));
    at = end + 1;
  }
}

void Context::emit(const Json& document) const {
  if (json) std::cout << document.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
}

void Context::complain(const Error& error) const {
  const std::string line = "oko: error: " + printable(error.what());
  if (quiet || !progress) {
    std::cerr << line << '\n';
  } else {
    progress->line(line);
  }
}

}  // namespace oko::cli
