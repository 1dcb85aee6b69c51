#pragma once

#include <string>
#include <string_view>

namespace oko::dataset {

// The extension that a file of this format (media::PictureInfo) should have, or "" if its own is
// right or the format unknown. Case is ignored.
std::string right_extension(const std::string& uri, std::string_view format);

// The usual extension of a format: ".jpg", ".png", …; "" for an unknown one.
std::string extension_of(std::string_view format);

}  // namespace oko::dataset
