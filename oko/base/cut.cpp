#include "oko/base/cut.h"

namespace oko {

std::string_view cut(std::string_view text, std::size_t longest) {
  if (text.size() <= longest) return text;
  // Bytes 10xxxxxx go on with a character.
  const auto goes_on = [&](std::size_t at) { return (text[at] & 0xC0) == 0x80; };
  std::size_t end = longest;
  while (end > 0 && longest - end < 3 && goes_on(end)) --end;
  return text.substr(0, goes_on(end) ? longest : end);
}

}  // namespace oko
