#include <openssl/evp.h>
#include <openssl/pem.h>

#include <algorithm>
#include <ctime>

#include "tests/storage/checksums.h"
#include "tests/storage/gcs_calls.h"

namespace oko::testing::gcs {
namespace {

std::string unbase64_url(std::string text) {
  std::ranges::replace(text, '-', '+');
  std::ranges::replace(text, '_', '/');
  while (text.size() % 4 != 0) text += '=';
  return unbase64(text);
}

[[noreturn]] void refuse_grant(const std::string& why) { throw Refusal{400, "invalid_grant", why}; }

bool is_signed(const std::string& key_text, std::string_view text, std::string_view signature) {
  BIO* bio = BIO_new_mem_buf(key_text.data(), static_cast<int>(key_text.size()));
  EVP_PKEY* key = PEM_read_bio_PUBKEY(bio, nullptr, nullptr, nullptr);
  EVP_MD_CTX* digest = EVP_MD_CTX_new();
  const auto bytes = [](std::string_view view) {
    return reinterpret_cast<const unsigned char*>(view.data());
  };
  const bool good =
      key != nullptr && EVP_DigestVerifyInit(digest, nullptr, EVP_sha256(), nullptr, key) == 1 &&
      EVP_DigestVerify(digest, bytes(signature), signature.size(), bytes(text), text.size()) == 1;
  EVP_MD_CTX_free(digest);
  EVP_PKEY_free(key);
  BIO_free(bio);
  return good;
}

// RFC 7523, as Google wants it: RS256, an hour at most, for this very endpoint.
void check_assertion(const std::string& assertion, const std::string& public_key,
                     const std::string& endpoint) {
  const auto first = assertion.find('.'), second = assertion.rfind('.');
  if (first == std::string::npos || second == first) refuse_grant("Invalid JWT");
  const Json head = parse_json(unbase64_url(assertion.substr(0, first)), "JWT header");
  const Json claims =
      parse_json(unbase64_url(assertion.substr(first + 1, second - first - 1)), "JWT claims");
  if (head.value("alg", "") != "RS256") refuse_grant("Invalid JWT: it is signed with RS256");
  if (claims.value("iss", "").empty() || claims.value("scope", "").empty()) {
    refuse_grant("Invalid JWT: iss and scope must be there");
  }
  if (claims.value("aud", "") != endpoint) refuse_grant("Invalid JWT: wrong audience");
  const auto now = static_cast<std::int64_t>(std::time(nullptr));
  const auto issued = claims.value("iat", std::int64_t{0});
  const auto expires = claims.value("exp", std::int64_t{0});
  if (issued > now + 300 || expires < now || expires - issued > 3600) {
    refuse_grant("Invalid JWT: Token must be a short-lived token (60 minutes)");
  }
  if (!public_key.empty() && !is_signed(public_key, std::string_view(assertion).substr(0, second),
                                        unbase64_url(assertion.substr(second + 1)))) {
    refuse_grant("Invalid JWT Signature.");
  }
}

}  // namespace

Reply Tokens::hand_out() {
  const std::scoped_lock lock(mutex_);
  const std::string token = "ya29.test-" + std::to_string(uses_.size() + 1);
  uses_[token] = 0;
  return json_reply({{"access_token", token}, {"expires_in", 3599}, {"token_type", "Bearer"}});
}

Reply Tokens::from_metadata(const Request& request) {
  if (request.head.get("Metadata-Flavor") != "Google") {
    throw Refusal{403, "forbidden", "Missing Metadata-Flavor:Google header."};
  }
  Reply reply = hand_out();
  reply.fields.emplace_back("Metadata-Flavor", "Google");
  return reply;
}

Reply Tokens::from_grant(Request& request) {
  const Target form("?" + request.body());
  const std::string grant = form.get("grant_type");
  if (grant == "urn:ietf:params:oauth:grant-type:jwt-bearer") {
    check_assertion(form.get("assertion"), options_.public_key, request.root + "/token");
  } else if (grant != "refresh_token" || form.get("refresh_token").empty() ||
             form.get("client_id").empty() || form.get("client_secret").empty()) {
    refuse_grant("Bad Request");
  }
  return hand_out();
}

void Tokens::check(const Request& request) {
  if (!options_.need_token) return;
  const std::string sent = request.head.get("Authorization");
  const std::scoped_lock lock(mutex_);
  const auto found = sent.starts_with("Bearer ") ? uses_.find(sent.substr(7)) : uses_.end();
  if (found == uses_.end() ||
      (options_.token_calls > 0 && ++found->second > options_.token_calls)) {
    throw Refusal{401, "authError", "Invalid Credentials"};
  }
}

}  // namespace oko::testing::gcs
