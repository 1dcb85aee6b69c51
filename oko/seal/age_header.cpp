#include "oko/seal/age_header.h"

#include <sodium.h>

#include <algorithm>

#include "oko/seal/refused.h"

namespace oko::seal {
namespace {

constexpr std::string_view kVersion = "age-encryption.org/v1\n";
constexpr std::string_view kStanza = "-> ", kEnd = "---";
constexpr std::size_t kColumns = 64;  // of base64 in a body; a shorter line ends it
constexpr std::size_t kCode = 32;

class Reader {
 public:
  Reader(std::span<const std::byte> start, const std::string& name)
      : text_(reinterpret_cast<const char*>(start.data()), start.size()), name_(name) {}

  std::size_t position() const { return at_; }
  bool next_is(std::string_view word) const { return text_.substr(at_).starts_with(word); }

  // Without its newline.
  std::string_view line() {
    line_ = at_;
    const std::size_t end = text_.find('\n', at_);
    if (end == text_.npos) {
      throw fault(text_.size() == kLongestAgeHeader ? "the header is longer than 256 KiB"
                                                    : "the file ends within its header");
    }
    at_ = end + 1;
    return text_.substr(line_, end - line_);
  }

  // At the line read last.
  Refused fault(std::string message) const {
    return {Refusal::kDamaged, name_ + "@" + std::to_string(line_), std::move(message)};
  }

 private:
  std::string_view text_;
  const std::string& name_;
  std::size_t at_ = 0, line_ = 0;
};

std::vector<std::string> words_of(std::string_view line, const Reader& reader) {
  std::vector<std::string> words(1);
  for (const char c : line) {
    if (c == ' ') {
      words.emplace_back();
    } else if (c > ' ' && c <= '~') {
      words.back() += c;
    } else {
      throw reader.fault("a recipient's line has a character that is not visible ASCII");
    }
  }
  for (const std::string& word : words) {
    if (word.empty()) throw reader.fault("a recipient's line has an empty word");
  }
  return words;
}

std::vector<std::byte> body_of(Reader& reader) {
  std::string text;
  for (;;) {
    const std::string_view line = reader.line();
    if (line.size() > kColumns) throw reader.fault("a line has more than 64 characters");
    text += line;
    if (line.size() < kColumns) break;
  }
  auto body = from_base64(text);
  if (!body) throw reader.fault("is not base64 as age writes it");
  return *std::move(body);
}

Stanza stanza_of(Reader& reader) {
  std::vector<std::string> words = words_of(reader.line().substr(kStanza.size()), reader);
  Stanza stanza;
  stanza.type = std::move(words.front());
  stanza.arguments.assign(std::make_move_iterator(words.begin() + 1),
                          std::make_move_iterator(words.end()));
  stanza.body = body_of(reader);
  return stanza;
}

Wiped<32> code_of(std::span<const std::byte> protected_part, const FileKey& key) {
  return hmac(hkdf(key.span(), {}, bytes_of("header")).span(), protected_part);
}

}  // namespace

AgeHeader read_age_header(const Source& file, const std::string& name) {
  const std::vector<std::byte> head = file.read(0, std::min(file.size(), kLongestAgeHeader));
  Reader reader(head, name);
  if (!reader.next_is(kVersion)) {
    throw Refused(Refusal::kDamaged, name + "@0", "is not an age file",
                  "it starts with the line age-encryption.org/v1");
  }
  reader.line();
  AgeHeader header;
  while (reader.next_is(kStanza)) header.stanzas.push_back(stanza_of(reader));
  const std::size_t start = reader.position();
  const std::string_view last = reader.line();
  if (!last.starts_with(kEnd) || last.size() <= kEnd.size() || last[kEnd.size()] != ' ') {
    throw reader.fault("neither a recipient (->) nor the end of the header (---)");
  }
  if (header.stanzas.empty()) throw reader.fault("the file has no recipient");
  auto code = from_base64(last.substr(kEnd.size() + 1));
  if (!code || code->size() != kCode) throw reader.fault("the header's code is not 32 bytes");
  header.code = *std::move(code);
  const auto end = head.begin() + static_cast<std::ptrdiff_t>(start + kEnd.size());
  header.protected_part.assign(head.begin(), end);
  header.size = reader.position();
  return header;
}

std::string age_header(const std::vector<Stanza>& stanzas, const FileKey& key) {
  std::string text(kVersion);
  for (const Stanza& stanza : stanzas) {
    text += std::string(kStanza) + stanza.type;
    for (const std::string& argument : stanza.arguments) text += " " + argument;
    const std::string body = base64(stanza.body);
    // The last line is shorter than the others, so it may have to be empty.
    for (std::size_t i = 0; i <= body.size(); i += kColumns) {
      text += "\n" + body.substr(i, kColumns);
    }
    text += "\n";
  }
  text += kEnd;
  const Wiped<32> code = code_of(bytes_of(text), key);
  text += " " + base64(code.span()) + "\n";
  if (text.size() > kLongestAgeHeader) {
    throw Error(ErrorCode::kUsage, "", "there are too many recipients for one file",
                "make a file for each group of at most 2000");
  }
  return text;
}

FileKey file_key_of(const AgeHeader& header, std::span<const Unwrap> keys,
                    const std::string& name) {
  const auto is_scrypt = [](const Stanza& stanza) { return stanza.type == "scrypt"; };
  // A passphrase proves who wrote the file only if nobody else can open it.
  if (header.stanzas.size() > 1 && std::ranges::any_of(header.stanzas, is_scrypt)) {
    throw Refused(Refusal::kDamaged, name, "a passphrase is not the only recipient");
  }
  std::optional<FileKey> key;
  try {
    for (const Unwrap& unwrap : keys) {
      for (const Stanza& stanza : header.stanzas) {
        if (!key) key = unwrap(stanza);
      }
    }
  } catch (const Refused& refused) {  // by what does not know the file
    throw Refused(refused.why(), name, refused.message(), refused.hint());
  }
  if (!key) {
    throw Refused(Refusal::kNoKey, name, "none of the given keys opens it",
                  "it was sealed for other keys");
  }
  const Wiped<32> code = code_of(header.protected_part, *key);
  if (sodium_memcmp(code.data(), header.code.data(), code.size()) != 0) {
    throw Refused(Refusal::kDamaged, name, "the header was changed after the file was sealed");
  }
  return *std::move(key);
}

}  // namespace oko::seal
