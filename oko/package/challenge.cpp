#include "oko/package/challenge.h"

#include <algorithm>
#include <cctype>
#include <vector>

#include "oko/base/error.h"
#include "oko/base/json.h"

namespace oko::package {
namespace {

constexpr std::size_t kLongestHeader = 8192;
constexpr std::int64_t kLongestLife = 86'400;

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

// Reads `Scheme name="value", name=value, Scheme …`.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  std::vector<Challenge> run() {
    std::vector<Challenge> challenges;
    while (true) {
      skip_any_of(" \t,");
      const std::string word = token();
      if (word.empty()) return challenges;
      skip_any_of(" \t");
      if (rest_.starts_with('=') && !challenges.empty()) {
        rest_.remove_prefix(1);
        skip_any_of(" \t");
        keep(challenges.back(), lower(word), value());
      } else {
        challenges.emplace_back();
        known_.push_back(lower(word) == "basic" || lower(word) == "bearer");
        challenges.back().scheme =
            lower(word) == "bearer" ? Challenge::Scheme::kBearer : Challenge::Scheme::kBasic;
      }
    }
  }
  bool is_known(std::size_t i) const { return known_[i]; }

 private:
  static void keep(Challenge& challenge, const std::string& name, std::string value) {
    if (name == "realm") challenge.realm = std::move(value);
    if (name == "service") challenge.service = std::move(value);
  }
  void skip_any_of(const char* characters) {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(characters), rest_.size()));
  }
  std::string token() {
    const std::size_t length = std::min(rest_.find_first_of(" \t,=\""), rest_.size());
    std::string word(rest_.substr(0, length));
    rest_.remove_prefix(length);
    return word;
  }
  std::string value() {
    if (!rest_.starts_with('"')) return token();
    rest_.remove_prefix(1);
    std::string text;
    while (!rest_.empty() && rest_[0] != '"') {
      if (rest_[0] == '\\' && rest_.size() > 1) rest_.remove_prefix(1);
      text += rest_[0];
      rest_.remove_prefix(1);
    }
    if (!rest_.empty()) rest_.remove_prefix(1);
    return text;
  }

  std::string_view rest_;
  std::vector<bool> known_;
};

}  // namespace

std::optional<Challenge> parse_challenge(std::string_view header) {
  Reader reader(header.substr(0, kLongestHeader));
  std::vector<Challenge> challenges = reader.run();
  for (std::size_t i = 0; i < challenges.size(); ++i) {
    const bool usable =
        challenges[i].scheme == Challenge::Scheme::kBasic || !challenges[i].realm.empty();
    if (reader.is_known(i) && usable) return std::move(challenges[i]);
  }
  return std::nullopt;
}

RegistryToken parse_registry_token(std::string_view json, const std::string& place) {
  const auto refuse = [&]() -> Error {
    return Error(ErrorCode::kStorage, place, "the token server's answer contains no token");
  };
  Json answer;
  try {
    answer = parse_json(json, place);
  } catch (const Error&) {
    throw refuse();  // its message may quote the answer
  }
  RegistryToken token;
  for (const char* name : {"token", "access_token"}) {
    if (!answer.is_object() || !answer.contains(name) || !answer[name].is_string()) continue;
    token.text = answer[name].get<std::string>();
    if (!token.text.empty()) break;
  }
  // It becomes part of a header.
  const auto visible = [](char c) { return c > ' ' && c <= '~'; };
  if (token.text.empty() || !std::ranges::all_of(token.text, visible)) throw refuse();
  if (answer.contains("expires_in") && answer["expires_in"].is_number_unsigned()) {
    token.seconds = static_cast<std::int64_t>(
        std::min<std::uint64_t>(answer["expires_in"].get<std::uint64_t>(), kLongestLife));
  }
  return token;
}

}  // namespace oko::package
