#include "oko/seal/pack/armor.h"

#include <algorithm>

#include "oko/seal/crypto.h"
#include "oko/seal/refused.h"

namespace oko::seal {
namespace {

constexpr std::string_view kBegin = "-----BEGIN AGE ENCRYPTED FILE-----";
constexpr std::string_view kEnd = "-----END AGE ENCRYPTED FILE-----";
constexpr std::string_view kBlank = " \t\r\n";
constexpr std::size_t kColumns = 64;

}  // namespace

bool is_armored(std::string_view text) {
  const std::size_t start = text.find_first_not_of(kBlank);
  return start != text.npos && text.substr(start).starts_with(kBegin);
}

std::vector<std::byte> read_armor(std::string_view text, const std::string& name) {
  const std::size_t start = std::min(text.find_first_not_of(kBlank), text.size());
  auto number = std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(start), '\n');
  const auto fault = [&](const char* message) {
    return Refused(Refusal::kDamaged, name + ":" + std::to_string(number), message);
  };
  std::string_view rest = text.substr(start);
  const auto line = [&] {
    ++number;
    const std::size_t end = rest.find('\n');
    std::string_view one = rest.substr(0, end);
    rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
    if (one.ends_with('\r')) one.remove_suffix(1);
    return one;
  };
  if (line() != kBegin) throw fault("is not an armored age file");
  std::string content;
  for (bool is_last = false;;) {
    if (rest.empty()) throw fault("the text ends before its END line");
    const std::string_view one = line();
    if (one == kEnd) break;
    if (is_last) throw fault("text follows a line that is shorter than the others");
    if (one.empty() || one.size() > kColumns) throw fault("a line is not 64 characters long");
    is_last = one.size() < kColumns;
    content += one;
  }
  if (rest.find_first_not_of(kBlank) != rest.npos) {
    ++number;
    throw fault("text follows the END line");
  }
  auto bytes = from_base64(content, true);
  if (!bytes || bytes->empty()) throw fault("is not base64 as age writes it");
  return *std::move(bytes);
}

std::string armor(std::span<const std::byte> file) {
  const std::string content = base64(file, true);
  std::string text = std::string(kBegin) + "\n";
  for (std::size_t i = 0; i < content.size(); i += kColumns) {
    text += content.substr(i, kColumns) + "\n";
  }
  return text + std::string(kEnd) + "\n";
}

}  // namespace oko::seal
