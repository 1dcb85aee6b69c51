#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace oko {

bool is_valid_utf8(std::string_view text);  // no surrogates, no overlong forms

// A class list (classes.txt, obj.names): one name per line, and every line counts, as in Darknet
// and labelImg: "#10 bolt" is a name. Spaces around a name, a byte order mark and blank lines at
// the end are ignored. Throws an input Error "name:line" for a blank line between names, control
// characters, text that is not UTF-8 and more than 100000 names.
std::vector<std::string> parse_class_list(std::string_view text, const std::string& name);

// The text that parse_class_list() reads as `names`. Throws an input Error at `place` if a name
// cannot be stored on a line: empty, spaces at its ends, line breaks or other control characters.
std::string class_list_text(const std::vector<std::string>& names, const std::string& place);

}  // namespace oko
