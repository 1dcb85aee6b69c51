#pragma once

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "oko/base/suggest.h"
#include "oko/base/words.h"

namespace oko::cli {

// CLI::Range of real numbers, without "nan", which that accepts.
inline CLI::Validator number_range(double low, double high) {
  const CLI::Range range(low, high);
  const auto check = [range, low, high](const std::string& text) {
    std::string fault = range(text);
    double value = 0;
    if (fault.empty() && CLI::detail::lexical_cast(text, value) && std::isnan(value)) {
      fault =
          "Value " + text + " not in range " + std::to_string(low) + " to " + std::to_string(high);
    }
    return fault;
  };
  return {check, range.get_description()};
}

// Refuses other words, naming the nearest; help and completion show the known ones.
inline CLI::Validator one_of(const std::string& flag, std::vector<std::string> words) {
  std::string all;
  for (const std::string& word : words) all += (all.empty() ? "" : ",") + word;
  const auto check = [flag, words = std::move(words)](const std::string& word) {
    // An empty one is refused for all options alike.
    if (word.empty() || std::ranges::find(words, word) != words.end()) return std::string();
    const std::vector<std::string_view> known(words.begin(), words.end());
    throw unknown_word(ErrorCode::kUsage, flag, "", word, known);
  };
  return {check, "{" + all + "}"};
}

// An option whose value is one of these words.
inline CLI::Option* add_choice(CLI::App& command, const std::string& flag, std::string& value,
                               const std::string& help, std::vector<std::string> words) {
  return command.add_option(flag, value, help)
      ->check(one_of(flag, std::move(words)))
      ->capture_default_str()
      ->type_name("NAME");
}

// An option whose value is `named(word)` for one of these words.
template <typename T, typename Named>
CLI::Option* add_choice(CLI::App& command, const std::string& flag, T& value,
                        const std::string& help, std::vector<std::string> words, Named named) {
  const auto take = [&value, named](const std::string& word) { value = named(word); };
  return command.add_option_function<std::string>(flag, take, help)
      ->check(one_of(flag, std::move(words)))
      ->type_name("NAME");
}

// An option whose value is one of an enum's words.
template <Worded E>
CLI::Option* add_choice(CLI::App& command, const std::string& flag, E& value,
                        const std::string& help) {
  return add_choice(command, flag, value, help, {kWords<E>.begin(), kWords<E>.end()},
                    [](const std::string& word) { return value_named<E>(word).value(); })
      ->default_str(std::string(word_of(value)));
}

}  // namespace oko::cli
