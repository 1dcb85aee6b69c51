#pragma once

#include <string>

namespace oko::storage {

// Where names lie to each other, however they are written (see identity.h). Nothing needs to exist.

// Whether both are one file or folder.
bool same_place(const std::string& a, const std::string& b);

// Whether `inner` lies in the folder `outer`, at any depth. False where they are the same.
bool lies_in(const std::string& inner, const std::string& outer);

// What a recursive removal of `uri` would take that hardly anybody means: "the whole bucket", "the
// root of the disk", "your home folder", "the folder that you work in"; also of a folder that holds
// one of these. "" for other places.
std::string precious_place(const std::string& uri);

}  // namespace oko::storage
