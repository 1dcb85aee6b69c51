#pragma once

#include <optional>

#include "oko/formats/candidate.h"

namespace oko::formats {

// The family of a file that leaves decoding to its programs, by the parts of its outputs and what
// it does with them, which must not be more than moving them and passing sigmoids or softmaxes.
// Nothing if it is none whose outputs are unmistakable.
std::optional<Candidate> family_of_parts(const Imported& imported,
                                         const std::vector<Level>& levels);

}  // namespace oko::formats
