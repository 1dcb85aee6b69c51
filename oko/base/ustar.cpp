#include "oko/base/ustar.h"

#include <cassert>

namespace oko {
namespace {

// Fields of the block, by offset.
constexpr std::size_t kMode = 100, kUser = 108, kGroup = 116, kSize = 124, kModified = 136,
                      kChecksum = 148, kType = 156, kLink = 157, kMagic = 257;
// 2000-01-01: GNU tar warns about implausibly old times.
constexpr std::uint64_t kTime = 946'684'800;

void put(std::string& block, std::size_t offset, std::string_view text) {
  block.replace(offset, text.size(), text);
}

std::string octal(std::uint64_t value, std::size_t digits) {
  std::string text(digits, '0');
  for (std::size_t i = digits; i-- > 0; value /= 8) text[i] = static_cast<char>('0' + value % 8);
  return text;
}

}  // namespace

std::string ustar_block(const UstarMember& member) {
  assert(member.name.size() <= kLongestUstarName && member.link.size() <= kLongestUstarName &&
         member.size <= kLargestUstarSize);
  std::string block(kUstarBlock, '\0');
  put(block, 0, member.name);
  put(block, kMode, member.mode);
  put(block, kUser, "0000000");
  put(block, kGroup, "0000000");
  put(block, kSize, octal(member.size, 11));
  put(block, kModified, octal(kTime, 11));
  put(block, kType, std::string_view(&member.type, 1));
  put(block, kLink, member.link);
  put(block, kMagic, std::string_view("ustar\00000", 8));
  // For the checksum, its own field counts as blanks.
  put(block, kChecksum, "        ");
  unsigned sum = 0;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  put(block, kChecksum, octal(sum, 6));
  block[kChecksum + 6] = '\0';
  return block;
}

}  // namespace oko
