#pragma once

#include <string>
#include <vector>

namespace oko::serve {

// A QR code: rows of modules, true where it is dark, without the quiet zone around it.
using QrCode = std::vector<std::vector<bool>>;

// The smallest code that holds `text`, with as much error correction as fits into that size. Throws
// a usage Error for a text that is too long for a terminal to show.
QrCode make_qr(const std::string& text);

// The code for a terminal that is `columns` wide: half-block characters, two rows of modules each,
// black on white whatever the terminal's own colours are. "" if it is too narrow. The quiet zone is
// the standard's 4 modules, or 2 if only these fit, which readers accept.
std::string qr_text(const QrCode& code, int columns);

}  // namespace oko::serve
