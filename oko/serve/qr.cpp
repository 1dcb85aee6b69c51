#include "oko/serve/qr.h"

#include <qrencode.h>

#include "oko/base/error.h"
#include "oko/base/owned.h"

namespace oko::serve {
namespace {

using Encoded = Owned<QRcode, QRcode_free>;

// Null if the text does not fit into `version`, where 0 is any.
Encoded encode(const std::string& text, int version, QRecLevel level) {
  return Encoded(QRcode_encodeString(text.c_str(), version, level, QR_MODE_8, 1));
}

// The code with the most error correction that is no larger than that with the least.
Encoded best_code(const std::string& text) {
  Encoded best = encode(text, 0, QR_ECLEVEL_L);
  if (!best) return nullptr;
  for (const QRecLevel level : {QR_ECLEVEL_M, QR_ECLEVEL_Q, QR_ECLEVEL_H}) {
    Encoded next = encode(text, best->version, level);
    if (!next || next->version != best->version) break;
    best = std::move(next);
  }
  return best;
}

// Of the 16-colour, 256-colour and 24-bit codes of terminals, only these two entries of the 256 are
// the same in every theme: pure white and pure black.
constexpr const char* kBlackOnWhite = "\x1b[38;5;16;48;5;231m";
constexpr const char* kReset = "\x1b[0m";

const char* block(bool upper, bool lower) {
  if (upper) return lower ? "█" : "▀";
  return lower ? "▄" : " ";
}

}  // namespace

QrCode make_qr(const std::string& text) {
  constexpr std::size_t kMostBytes = 300;
  const Encoded code = text.size() <= kMostBytes ? best_code(text) : nullptr;
  if (!code) throw Error(ErrorCode::kUsage, "QR code", "the text is too long for one");
  const int width = code->width;
  QrCode modules(width, std::vector<bool>(width));
  for (int y = 0; y < width; ++y) {
    for (int x = 0; x < width; ++x) modules[y][x] = (code->data[y * width + x] & 1) != 0;
  }
  return modules;
}

std::string qr_text(const QrCode& code, int columns) {
  constexpr int kQuiet = 4, kLeastQuiet = 2;
  const int size = static_cast<int>(code.size());
  const int quiet = size + 2 * kQuiet <= columns ? kQuiet : kLeastQuiet;
  if (size + 2 * quiet > columns) return {};
  const auto is_dark = [&](int x, int y) {
    return x >= 0 && y >= 0 && x < size && y < size && code[y][x];
  };
  std::string text;
  for (int y = -quiet; y < size + quiet; y += 2) {
    text += kBlackOnWhite;
    for (int x = -quiet; x < size + quiet; ++x) text += block(is_dark(x, y), is_dark(x, y + 1));
    text += std::string(kReset) + "\n";
  }
  return text;
}

}  // namespace oko::serve
