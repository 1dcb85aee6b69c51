#include <algorithm>
#include <cctype>

#include "oko/storage/s3/answers.h"
#include "oko/storage/s3/s3_store.h"

namespace oko::storage::s3 {
namespace {

// The server's own message, shortened, with plain characters only.
std::string words(const ErrorAnswer& answer) {
  std::string text = answer.code;
  if (!answer.message.empty()) text += ": " + answer.message.substr(0, 200);
  for (char& c : text) {
    if (std::iscntrl(static_cast<unsigned char>(c)) != 0) c = ' ';
  }
  return text;
}

struct Known {
  const char* code;
  ErrorCode kind;
  const char* message;
  const char* hint;
};

constexpr Known kKnown[] = {
    {"NoSuchKey", ErrorCode::kInput, "no such object", "check the name"},
    {"NoSuchBucket", ErrorCode::kInput, "no such bucket",
     "check the name, or create it with oko store mb"},
    {"NoSuchUpload", ErrorCode::kStorage, "the multipart upload no longer exists",
     "start it again; check whether the bucket's rules end uploads early"},
    {"InvalidAccessKeyId", ErrorCode::kStorage, "the access key is not valid",
     "check AWS_ACCESS_KEY_ID or the profile, and AWS_ENDPOINT_URL"},
    {"SignatureDoesNotMatch", ErrorCode::kStorage, "the secret key does not match the access key",
     "check AWS_SECRET_ACCESS_KEY or the profile"},
    {"RequestTimeTooSkewed", ErrorCode::kStorage, "this machine's clock is wrong", "set the clock"},
    {"ExpiredToken", ErrorCode::kStorage, "the credentials have expired", "get new ones"},
    {"InvalidToken", ErrorCode::kStorage, "the session token is not valid",
     "check AWS_SESSION_TOKEN"},
    {"InvalidBucketName", ErrorCode::kUsage, "is not a valid bucket name",
     "use 3 to 63 lower-case letters, digits, '-' and '.'"},
    {"BucketAlreadyExists", ErrorCode::kStorage,
     "the bucket already exists and belongs to someone else", "choose another name"},
    {"BucketAlreadyOwnedByYou", ErrorCode::kStorage, "the bucket already exists and is yours",
     "use it"},
    {"TooManyBuckets", ErrorCode::kStorage, "the bucket limit is reached",
     "remove one, or ask for a higher limit"},
    {"QuotaExceeded", ErrorCode::kStorage, "the store is full", "remove something"},
    {"EntityTooLarge", ErrorCode::kUsage, "the object is too large for the server", ""},
    {"NotImplemented", ErrorCode::kStorage, "the server does not support this",
     "servers without preconditions do not support conditional writes"},
};

Error region_error(const Uri& uri, const std::string& region) {
  return Error(
      ErrorCode::kStorage, uri.text(),
      region.empty() ? "the bucket is in another region" : "the bucket is in the region " + region,
      region.empty() ? "set AWS_REGION" : "set AWS_REGION=" + region);
}

}  // namespace

void S3Store::refuse(const http::Response& response, const Uri& uri) {
  const ErrorAnswer answer = parse_error(response.body).value_or(ErrorAnswer{});
  const int status = response.status;
  if (status == 412 || status == 409) {
    if (status == 412 || answer.code == "ConditionalRequestConflict") throw Conflict(uri.text());
  }
  std::string region(response.header("x-amz-bucket-region"));
  if (region.empty()) region = answer.region;
  if (status == 301 || status == 307 || answer.code == "AuthorizationHeaderMalformed" ||
      answer.code == "IllegalLocationConstraintException") {
    throw region_error(uri, region == options_.region ? "" : region);
  }
  for (const Known& known : kKnown) {
    if (answer.code == known.code) throw Error(known.kind, uri.text(), known.message, known.hint);
  }
  // Responses to HEAD have no body.
  if (status == 404) throw input_error(uri.text(), "no such object or bucket", "check the name");
  const std::string said = answer.code.empty() ? "" : " (" + words(answer) + ")";
  if (status == 401 || status == 403) {
    const bool anonymous = credentials_.get().anonymous;
    throw Error(ErrorCode::kStorage, uri.text(), "access denied" + said,
                anonymous
                    ? "set credentials (AWS_ACCESS_KEY_ID or a profile); requests are sent unsigned"
                    : "check the permissions of the credentials; without list permission, missing "
                      "objects are denied too");
  }
  if (status == 501) {
    throw Error(ErrorCode::kStorage, uri.text(), "the server does not support this" + said,
                "servers without preconditions do not support conditional writes");
  }
  throw Error(ErrorCode::kStorage, uri.text(),
              "the server responded " + std::to_string(status) + said, "");
}

}  // namespace oko::storage::s3
