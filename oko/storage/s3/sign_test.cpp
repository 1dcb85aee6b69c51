#include "oko/storage/s3/sign.h"

#include <gtest/gtest.h>

#include "oko/storage/store.h"

// Source: "Authenticating Requests: Using the Authorization Header (AWS Signature Version 4)",
// Amazon S3 API reference: four examples of one key at one time.
namespace oko::storage::s3 {
namespace {

constexpr std::time_t kTime = 1369353600;  // 2013-05-24 00:00:00 UTC
constexpr const char* kHost = "https://examplebucket.s3.amazonaws.com";

Credentials example_credentials() {
  Credentials credentials;
  credentials.key_id = "AKIAIOSFODNN7EXAMPLE";
  credentials.secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
  return credentials;
}

std::string authorization(http::Request request) {
  sign(request, example_credentials(), "us-east-1", kTime, sha256_of(request.body));
  EXPECT_EQ(request.headers.back().first, "Authorization");
  return request.headers.back().second;
}

std::string expected(const std::string& names, const std::string& signature) {
  return "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
         "SignedHeaders=" +
         names + ", Signature=" + signature;
}

TEST(SignatureV4, SignsTheExampleThatGetsAnObject) {
  http::Request request;
  request.url = std::string(kHost) + "/test.txt";
  request.headers = {{"Range", "bytes=0-9"}};
  EXPECT_EQ(authorization(request),
            expected("host;range;x-amz-content-sha256;x-amz-date",
                     "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"));
}

TEST(SignatureV4, SignsTheExampleThatPutsAnObject) {
  http::Request request;
  request.method = "PUT";
  request.url = std::string(kHost) + "/test%24file.text";
  request.headers = {{"Date", "Fri, 24 May 2013 00:00:00 GMT"},
                     {"x-amz-storage-class", "REDUCED_REDUNDANCY"}};
  const std::string body = "Welcome to Amazon S3.";
  // In two pieces, like multipart bodies.
  request.body = {std::as_bytes(std::span(body)).first(5),
                  std::as_bytes(std::span(body)).subspan(5)};
  EXPECT_EQ(authorization(request),
            expected("date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
                     "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"));
}

TEST(SignatureV4, SignsTheExampleOfAParameterWithoutValue) {
  http::Request request;
  request.url = std::string(kHost) + "/?lifecycle";
  EXPECT_EQ(authorization(request),
            expected("host;x-amz-content-sha256;x-amz-date",
                     "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"));
}

TEST(SignatureV4, SignsTheExampleOfAListWhateverTheOrder) {
  http::Request request;
  request.url = std::string(kHost) + "/?prefix=J&max-keys=2";
  EXPECT_EQ(authorization(request),
            expected("host;x-amz-content-sha256;x-amz-date",
                     "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
}

TEST(SignatureV4, CoversTheSessionToken) {
  http::Request request;
  request.url = std::string(kHost) + "/x";
  Credentials credentials = example_credentials();
  credentials.session_token = "token";
  sign(request, credentials, "us-east-1", kTime, kUnsignedPayload);
  EXPECT_NE(request.headers.back().second.find("x-amz-date;x-amz-security-token"),
            std::string::npos);
  EXPECT_EQ(request.headers[1].second, "UNSIGNED-PAYLOAD");
}

}  // namespace
}  // namespace oko::storage::s3
