#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <type_traits>

namespace oko {

// An enum with a word for each of its values 0, 1, …, declared beside it:
//   constexpr auto words_of(Fruit) { return std::to_array<std::string_view>({"apple", "pear"}); }
template <typename E>
concept Worded = std::is_enum_v<E> && requires {
  words_of(E{});
};

template <Worded E>
inline constexpr auto kWords = words_of(E{});

template <Worded E>
constexpr std::string_view word_of(E value) {
  return kWords<E>[static_cast<std::size_t>(value)];
}

template <Worded E>
constexpr std::optional<E> value_named(std::string_view word) {
  for (std::size_t i = 0; i < kWords<E>.size(); ++i) {
    if (kWords<E>[i] == word) return static_cast<E>(i);
  }
  return std::nullopt;
}

}  // namespace oko
