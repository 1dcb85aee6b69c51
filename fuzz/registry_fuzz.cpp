// needs: package
// Every answer of a container registry, of its token server and of a credential helper is read or
// rejected; so are files of logins, names of images and what a dynamic loader prints.

#include <cstdlib>

#include "oko/base/error.h"
#include "oko/package/challenge.h"
#include "oko/package/libraries.h"
#include "oko/package/manifest.h"
#include "oko/package/reference.h"
#include "oko/package/registry.h"
#include "oko/package/registry_login.h"
#include "oko/storage/http/redirect.h"

namespace {

template <typename Read>
void read_or_refuse(const Read& read) {
  try {
    read();
  } catch (const oko::Error&) {
  }
}

void expect(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace oko::package;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read_or_refuse([&] {
    const ImageReference image = parse_image_reference(text);
    expect(image.repository.find("..") == std::string::npos && image.repository.size() <= 263);
    expect(parse_image_reference(image.text()).text() == image.text());
  });
  read_or_refuse([&] {
    for (const Descriptor& layer : parse_manifest(text, "input").layers) {
      expect(is_digest(layer.digest));
    }
  });
  read_or_refuse([&] { expect(is_digest(parse_index(text, "amd64", "input").digest)); });
  read_or_refuse([&] { is_index(text, "input"); });
  read_or_refuse([&] {
    const ImageConfig base = parse_image_config(text, "input");
    const std::string made = make_image_config(&base, {}, {});
    expect(parse_image_config(made, "made").diff_ids == base.diff_ids);
  });
  read_or_refuse([&] {
    const std::string token = parse_registry_token(text, "input").text;
    expect(!token.empty() && token.find_first_of(" \r\n") == std::string::npos);
  });
  if (const auto challenge = parse_challenge(text)) {
    expect(challenge->scheme == Challenge::Scheme::kBasic || !challenge->realm.empty());
  }
  read_or_refuse([&] { parse_login_file(text, "input", parse_image_reference("r.io/a/b")); });
  read_or_refuse([&] { parse_helper_answer(text); });
  if (const auto location = oko::storage::http::resolve_location("https://r.io", text)) {
    expect(location->url.starts_with("https://"));
    expect(location->url.find_first_of(" \r\n") == std::string::npos);
  }
  read_or_refuse([&] { parse_loader_list(text, "input"); });
  return 0;
}
