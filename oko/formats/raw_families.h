#pragma once

#include <optional>

#include "oko/formats/candidate.h"

namespace oko::formats {

// The family of a file that leaves decoding to its programs, by the parts of its outputs and what
// it does with them, which must not be more than moving them and passing sigmoids or softmaxes.
// Nothing if it is none whose outputs are unmistakable. Of a `given` family only the parts are
// asked for.
std::optional<Candidate> family_of_parts(const Imported& imported, const std::vector<Level>& levels,
                                         std::optional<Family> given = {});

// A family of which a file lacks the anchors alone, with these; anchors are those of no one if none
// are given. Nothing if it is none, an input Error if they do not fit. If the user names the
// family, only the parts are asked for here too.
std::optional<Candidate> family_with_anchors(const Imported& imported,
                                             const std::vector<Level>& levels,
                                             const HeadOptions& heads);

}  // namespace oko::formats
