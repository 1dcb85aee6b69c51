#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "oko/formats/heads.h"

namespace oko::formats {

// Names as exporters of PyTorch write them into files: "{0: 'cat', 1: 'dog'}", {"0": "cat"} or
// ['cat', 'dog']. Empty if the text is not such a list, or its numbers are not 0, 1, 2, …
std::vector<std::string> names_of_list(std::string_view text);

// Those under the key "names" in a larger text of this kind.
std::vector<std::string> names_of_metadata(std::string_view text);

// Gives the network Imported::labels, without a name of the background before the others. A note
// says why not if there are more or fewer than classes, or one cannot be stored.
void apply_labels(Imported& imported);

}  // namespace oko::formats
