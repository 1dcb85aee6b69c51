#pragma once

#include <map>
#include <string>

#include "oko/base/bytes.h"

namespace oko::serve {

// A file that the server has in memory.
struct PageFile {
  std::string type;  // Content-Type
  Bytes content;
};

// Everything that can be asked for, by name: "index.html". A request can only choose one of these
// names, so none of it ever becomes a path.
using Page = std::map<std::string, PageFile, std::less<>>;

// The folder with the camera page: beside the installed program (share/oko/web), or in the
// repository that it was built in (build/web/package). Throws an input Error that says how to build
// the page if there is none.
std::string find_page();

// Reads the page's files: those directly in `folder` that a browser may ask for, not links. The
// document also gets phone.js, which is what makes it the page of `oko phone`. Throws an input
// Error if that is not the page's folder, or holds more than a page has.
Page read_page(const std::string& folder);

}  // namespace oko::serve
