#include "oko/dataset/split_words.h"

#include <algorithm>
#include <array>
#include <set>
#include <vector>

#include "oko/dataset/paths.h"
#include "oko/dataset/text.h"

namespace oko::dataset {

std::string split_named(std::string_view name) {
  std::string word = lower(name);
  while (!word.empty() && word.back() >= '0' && word.back() <= '9') word.pop_back();
  while (word.ends_with('_') || word.ends_with('-')) word.pop_back();
  if (word == "train" || word == "training") return "train";
  if (word == "val" || word == "valid" || word == "validation") return "val";
  if (word == "test" || word == "testing") return "test";
  return "";
}

// The words of a name, in lower case: letters between other characters. "my_train2017" has "my" and
// "train".
static std::vector<std::string> words_of(std::string_view name) {
  std::vector<std::string> words;
  bool inside = false;
  for (const char c : lower(name)) {
    const bool is_letter = (c >= 'a' && c <= 'z') || (c & 0x80) != 0;
    if (is_letter && !inside) words.emplace_back();
    if (is_letter) words.back() += c;
    inside = is_letter;
  }
  return words;
}

static std::string split_of_word(std::string_view word) {
  for (const std::string_view ending : {"set", "data"}) {
    if (word.ends_with(ending)) word.remove_suffix(ending.size());
  }
  return split_named(word);
}

std::string split_of_stem(std::string_view stem) {
  std::set<std::string> splits;
  for (const std::string& word : words_of(stem)) splits.insert(split_of_word(word));
  splits.erase("");
  return splits.size() == 1 ? *splits.begin() : "";
}

std::string split_of_folder(std::string_view name) {
  constexpr std::array<std::string_view, 11> kGeneric{
      "set", "dataset", "split", "jpg", "jpeg", "png", "coco", "yolo", "pascal", "txt", "json"};
  const std::vector<std::string> words = words_of(name);
  const bool plain = std::all_of(words.begin(), words.end(), [&](const std::string& word) {
    return !split_of_word(word).empty() || is_usual_folder(word) ||
           std::find(kGeneric.begin(), kGeneric.end(), word) != kGeneric.end();
  });
  return plain ? split_of_stem(name) : "";
}

std::string split_of_path(std::string_view path) {
  while (true) {
    const auto slash = path.find('/');
    if (slash == std::string_view::npos) return "";
    std::string split = split_of_folder(path.substr(0, slash));
    if (!split.empty()) return split;
    path.remove_prefix(slash + 1);
  }
}

}  // namespace oko::dataset
