#pragma once

#include <span>
#include <string>
#include <vector>

namespace oko::jobs {

// The words of `oko job submit` if they are written in terms of AI Platform Training, which Google
// shut down on 2025-01-31: those of `gcloud ai-platform jobs submit training`.
struct Translated {
  std::vector<std::string> words;  // in terms of oko
  std::vector<std::string> notes;  // what became of each old term, a line each
};

// `words` are all words after `oko job submit`, including "--" and what the workers run. Words that
// are not AI Platform's stay as they are, so words without any are returned unchanged. Throws a
// usage Error for terms that have no meaning here (TPUs, a --config file) and for values that
// contradict each other.
Translated translate_ai_platform(std::span<const std::string> words);

}  // namespace oko::jobs
