// The example of oko.hpp is a program, with exceptions and without.
#include <oko/oko.hpp>

int complain(const std::string& text);
void draw(std::string_view name, float left, float top);
int snippet(const std::uint8_t* luma, const std::uint8_t* chroma);

int snippet(const std::uint8_t* luma, const std::uint8_t* chroma) {
#include "oko_hpp.inc"
  return 0;
}
