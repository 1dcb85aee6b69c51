#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace oko::formats {

// One [section] of a Darknet .cfg: its keys and values as text, and their lines. The getters throw
// input Errors with "file:line" where a value is missing or invalid, and record which keys were
// read.
class DarknetSection {
 public:
  DarknetSection(std::string name, std::string file, int line)
      : name_(std::move(name)), file_(std::move(file)), line_(line) {}

  const std::string& name() const { return name_; }  // without brackets
  std::string_view kind() const;  // the name, for which Darknet accepts several spellings
  std::string place() const;      // "file:line" of the [section]
  std::string place_of(std::string_view key) const;  // "file:line" of the key, which must exist

  // Of a key that is given twice the first one counts, as in Darknet.
  void add(std::string key, std::string value, int line);

  bool has(std::string_view key) const { return values_.contains(key); }
  // The value of an existing key, without marking it as read.
  const std::string& peek(std::string_view key) const { return values_.find(key)->second.text; }
  std::string text(std::string_view key);
  int integer(std::string_view key);
  int integer_or(std::string_view key, int fallback);
  float number_or(std::string_view key, float fallback);
  std::vector<int> integers(std::string_view key);
  std::vector<float> numbers(std::string_view key);

  // Keys that no getter has read, in the file's order.
  std::vector<std::string> unused() const;

  // A note for every key that is given again with another value.
  const std::vector<std::string>& repeated() const { return repeated_; }

 private:
  struct Value {
    std::string text;
    int line = 0;
    bool used = false;
  };
  Value& value(std::string_view key);  // throws if it is missing
  std::string place_at(int line) const;

  std::string name_, file_;
  int line_;
  std::map<std::string, Value, std::less<>> values_;
  std::vector<std::string> order_, repeated_;
};

// Splits a .cfg into its sections. Blanks are ignored; '#' and ';' start a comment.
std::vector<DarknetSection> read_darknet_sections(std::string_view text, const std::string& file);

}  // namespace oko::formats
