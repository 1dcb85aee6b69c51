#include "oko/formats/coreml/class_names.h"

#include <charconv>
#include <map>

namespace oko::formats::coreml {
namespace {

class DictionaryReader {
 public:
  explicit DictionaryReader(std::string_view text) : text_(text) {}

  std::optional<std::vector<std::string>> run() {
    if (!take('{')) return {};
    std::map<std::size_t, std::string> names;
    while (!take('}')) {
      std::size_t number = 0;
      std::string name;
      if (!take_number(number) || !take(':') || !take_text(name)) return {};
      if (!names.emplace(number, std::move(name)).second) return {};
      if (!take(',') && peek() != '}') return {};
    }
    if (peek() != '\0' || names.empty() || names.rbegin()->first + 1 != names.size()) return {};
    std::vector<std::string> list;
    for (auto& [number, name] : names) list.push_back(std::move(name));
    return list;
  }

 private:
  // The next character that is not a space; 0 at the end.
  char peek() {
    while (!text_.empty() && (text_[0] == ' ' || text_[0] == '\n')) text_.remove_prefix(1);
    return text_.empty() ? '\0' : text_[0];
  }
  bool take(char wanted) {
    if (peek() != wanted) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool take_number(std::size_t& number) {
    peek();
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), number);
    if (error != std::errc()) return false;
    text_.remove_prefix(static_cast<std::size_t>(end - text_.data()));
    return true;
  }
  bool take_text(std::string& name) {
    const char quote = peek();
    if (quote != '\'' && quote != '"') return false;
    for (std::size_t i = 1; i < text_.size(); ++i) {
      char c = text_[i];
      if (c == quote) {
        text_.remove_prefix(i + 1);
        return true;
      }
      if (c == '\\' && ++i < text_.size()) c = text_[i];
      name += c;
    }
    return false;
  }

  std::string_view text_;
};

}  // namespace

std::optional<std::vector<std::string>> names_of_dictionary(std::string_view text) {
  return DictionaryReader(text).run();
}

}  // namespace oko::formats::coreml
