#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace oko::formats {

// One [section] of a Darknet .cfg: its keys and values as text, and where they stand. The getters
// throw input Errors with "file:line" where a value is missing or not what it should be, and note
// which keys were asked for.
class DarknetSection {
 public:
  DarknetSection(std::string name, std::string file, int line)
      : name_(std::move(name)), file_(std::move(file)), line_(line) {}

  const std::string& name() const { return name_; }  // without brackets
  std::string place() const;                         // "file:line" of the [section]
  std::string place_of(std::string_view key) const;  // "file:line" of the key, which must exist

  // Throws where the key is there already.
  void add(std::string key, std::string value, int line);

  bool has(std::string_view key) const { return values_.contains(key); }
  // Of a key that is there, which is not asked for by that.
  const std::string& peek(std::string_view key) const { return values_.find(key)->second.text; }
  std::string text(std::string_view key);
  int integer(std::string_view key);
  int integer_or(std::string_view key, int fallback);
  float number_or(std::string_view key, float fallback);
  std::vector<int> integers(std::string_view key);
  std::vector<float> numbers(std::string_view key);

  // Keys that no getter was asked for, in the file's order.
  std::vector<std::string> unused() const;

 private:
  struct Value {
    std::string text;
    int line = 0;
    bool used = false;
  };
  Value& value(std::string_view key);  // throws where it is missing
  std::string place_at(int line) const;

  std::string name_, file_;
  int line_;
  std::map<std::string, Value, std::less<>> values_;
  std::vector<std::string> order_;
};

// Cuts a .cfg into its sections. Blanks mean nothing; '#' and ';' begin a comment.
std::vector<DarknetSection> read_darknet_sections(std::string_view text, const std::string& file);

}  // namespace oko::formats
