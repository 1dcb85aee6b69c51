#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace oko::formats::ncnn {

inline constexpr int kMagic = 7767517;
inline constexpr int kArrayKey = -23300;  // key k with an array is written as kArrayKey − k

// How a Permute turns a blob of three dimensions: the new channels, rows and columns are the old
// ones of these dimensions, counted so, and its number.
enum class Order { kSame, kHeightWidth, kWidthChannels, kTurned, kTurnedBack, kReversed };
// {0, 1, 2} for kSame, and so on; nothing for a number that is none of them.
std::optional<std::array<int, 3>> order_of(int number);

// A line of a .param: a layer, its input and output blobs, and its settings as text.
struct Line {
  std::string kind, name;
  std::vector<std::string> inputs, outputs;
  std::map<int, std::vector<std::string>> settings;
  std::string place;  // "name.param:12"

  bool has(int key) const { return settings.contains(key); }
  // All throw an input Error if the text is not a number.
  int integer(int key, int fallback) const;
  float number(int key, float fallback) const;
  // ncnn keeps a value's bits: an integer in a list of floats is the bits of a float.
  std::vector<float> numbers(int key) const;
  std::vector<int> integers(int key) const;
  [[noreturn]] void fail(std::string message, std::string hint = {}) const;
};

// Lines that pass their input on.
bool is_copy(const Line& line);
// Lines that make a constant: of the file, or of shapes alone.
bool is_constant(const Line& line);

// Which line makes each blob.
class Makers {
 public:
  explicit Makers(const std::vector<Line>& lines);  // which must outlive it
  const Line* of(const std::string& blob) const;    // null: none
  // The blob that this is a copy of, or itself.
  const std::string& origin(const std::string& blob) const;

 private:
  std::map<std::string, const Line*> lines_;
  std::map<std::string, std::string> origins_;  // of copies
};

// Throws input Errors with "name:line" for anything that is not a .param of this form.
std::vector<Line> parse_param(std::string_view text, const std::string& name);

}  // namespace oko::formats::ncnn
