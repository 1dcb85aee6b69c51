#pragma once

#include <CLI/CLI.hpp>
#include <algorithm>
#include <span>
#include <string>
#include <string_view>

#include "oko/base/suggest.h"
#include "oko/base/words.h"

namespace oko::cli {

// Refuses other words, naming the nearest; help and completion show the known ones.
inline CLI::Validator one_of(const std::string& flag, std::span<const std::string_view> words) {
  std::string all;
  for (const std::string_view word : words) all += (all.empty() ? "" : ",") + std::string(word);
  const auto check = [flag, words](const std::string& word) {
    if (std::ranges::find(words, word) != words.end()) return std::string();
    throw unknown_word(ErrorCode::kUsage, flag, "", word, words);
  };
  return {check, "{" + all + "}"};
}

// An option whose value is one of an enum's words.
template <Worded E>
CLI::Option* add_choice(CLI::App& command, const std::string& flag, E& value,
                        const std::string& help) {
  const auto take = [&value](const std::string& word) { value = value_named<E>(word).value(); };
  return command.add_option_function<std::string>(flag, take, help)
      ->check(one_of(flag, kWords<E>))
      ->default_str(std::string(word_of(value)));
}

}  // namespace oko::cli
