#include "oko/base/suggest.h"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

namespace oko {
namespace {

// Levenshtein distance, one row at a time.
std::size_t edits(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string nearest_word(std::string_view word, std::span<const std::string> known) {
  std::string best;
  std::size_t fewest = std::max<std::size_t>(2, word.size() / 3 + 1);
  for (const std::string& candidate : known) {
    const std::size_t count = candidate.starts_with(word) ? 0 : edits(word, candidate);
    if (count < fewest || (count == fewest && best.empty())) {
      fewest = count;
      best = candidate;
    }
  }
  return best;
}

Error unknown_word(ErrorCode code, std::string place, std::string_view what, std::string_view word,
                   std::span<const std::string_view> known) {
  const std::vector<std::string> words(known.begin(), known.end());
  std::string all;
  for (const std::string& each : words) all += (all.empty() ? "" : ", ") + each;
  const std::string near = nearest_word(word, words);
  return {code, std::move(place),
          std::string(what) + (what.empty() ? "\"" : " \"") + std::string(word) + "\" is unknown",
          near.empty() ? "use one of " + all : "did you mean " + near + "? (" + all + ")"};
}

}  // namespace oko
