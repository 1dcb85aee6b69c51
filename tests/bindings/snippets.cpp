// The examples of oko.hpp and live.hpp are programs, with exceptions and without.
#include <oko/live.hpp>

int complain(const std::string& text);
void draw(std::string_view name, float left, float top);
void draw(std::uint64_t id, float left, float top);
int snippet(const std::uint8_t* luma, const std::uint8_t* chroma);
int live_snippet(const oko::phone::Model& model, const oko::phone::Frame& frame, double seconds);

int snippet(const std::uint8_t* luma, const std::uint8_t* chroma) {
#include "oko_hpp.inc"
  return 0;
}

int live_snippet(const oko::phone::Model& model, const oko::phone::Frame& frame, double seconds) {
  using namespace oko::phone;
#include "live_hpp.inc"
  return 0;
}
