#include "oko/seal/update_index.h"

#include <algorithm>
#include <tuple>

#include "oko/base/error.h"
#include "oko/seal/fields.h"
#include "oko/seal/members.h"
#include "oko/seal/refused.h"

namespace oko::seal {
namespace {

constexpr const char *kRootFormat = "oko update root", *kIndexFormat = "oko update index";
constexpr std::size_t kLongestFile = std::size_t{16} << 20, kLongestIndex = std::size_t{1} << 20;
// Read before anything is verified.
constexpr std::size_t kLongestRoot = 4096, kLongestSignature = 4096, kMostRoots = 1000;
constexpr std::string_view kIndexName = "index.json", kIndexSignature = "index.json.minisig";

std::string root_name(std::size_t number) { return "root." + std::to_string(number) + ".json"; }
std::string signature_name(std::size_t number) { return root_name(number) + ".minisig"; }
std::string previous_name(std::size_t number) { return root_name(number) + ".previous.minisig"; }

std::string key_field(const Json& json, const char* key, const std::string& place) {
  std::string text = json_get<std::string>(json, key, place);
  // The one text of the key.
  if (PublicKey::read(text, place + ": \"" + key + "\"").text() != text) {
    throw input_error(place, "\"" + std::string(key) + "\" is not a public key");
  }
  return text;
}

Root parse_root(const Json& json, const std::string& name) {
  check_format(json, kRootFormat, name);
  Root root;
  root.number = number_field(json, "number", name);
  root.created = time_field(json, "created", name);
  if (json.contains("expires")) root.expires = time_field(json, "expires", name);
  root.root_key = key_field(json, "root", name);
  root.index_key = key_field(json, "index", name);
  return root;
}

Offer parse_offer(const Json& json, const std::string& name) {
  Offer offer;
  offer.model = id_field(json, "model", name);
  offer.release = number_field(json, "release", name);
  offer.minimum_app = app_version_field(json, "minimum_app", name);
  offer.size = number_field(json, "size", name);
  offer.hash = hash_field(json, "blake2b", name);
  return offer;
}

// Offers have one order.
bool is_before(const Offer& a, const Offer& b) {
  return std::tie(a.model, b.release) < std::tie(b.model, a.release);
}

Index parse_index(const Json& json, const std::string& name) {
  check_format(json, kIndexFormat, name);
  Index index;
  index.number = number_field(json, "number", name);
  index.created = time_field(json, "created", name);
  index.expires = time_field(json, "expires", name);
  const Json offers = json_get<Json>(json, "models", name);
  if (!offers.is_array()) throw input_error(name, "\"models\" is not a list");
  for (const Json& one : offers) {
    const std::string place = name + ": models[" + std::to_string(index.offers.size()) + "]";
    index.offers.push_back(parse_offer(one, place));
    if (index.offers.size() > 1 && !is_before(index.offers.end()[-2], index.offers.back())) {
      throw input_error(place, "is not in its place: models are sorted by id and release");
    }
  }
  return index;
}

std::string place_of(const std::string& name, std::string_view member) {
  return name + ": " + std::string(member);
}

std::vector<Root> roots_of(const IndexFile& file, const std::string& name) {
  std::vector<Root> roots;
  for (const SignedRoot& one : file.roots) {
    const std::string place = place_of(name, root_name(roots.size() + 1));
    roots.push_back(read_root(one.text, place));
    if (roots.back().number != roots.size()) {
      throw Refused(Refusal::kDamaged, place,
                    "has the number " + std::to_string(roots.back().number));
    }
  }
  return roots;
}

}  // namespace

std::string file_name_of(const Offer& offer) {
  return offer.model + "-" + std::to_string(offer.release) + ".oko.sealed";
}

std::string root_text(const Root& root) {
  Json json = {{"format", kRootFormat},
               {"version", kTextVersion},
               {"number", root.number},
               {"created", utc_text(root.created)}};
  if (root.expires != 0) json["expires"] = utc_text(root.expires);
  json["root"] = root.root_key;
  json["index"] = root.index_key;
  return canonical_text(json);
}

Root read_root(std::string_view text, const std::string& name) {
  Root root;
  read_canonically(
      text, name, [&](const Json& json) { root = parse_root(json, name); },
      [&] { return root_text(root); });
  return root;
}

std::string index_text(const Index& index) {
  Json offers = Json::array();
  for (const Offer& offer : index.offers) {
    Json json = {{"model", offer.model}, {"release", offer.release}};
    if (!offer.minimum_app.empty()) json["minimum_app"] = offer.minimum_app;
    json["size"] = offer.size;
    json["blake2b"] = offer.hash;
    offers.push_back(std::move(json));
  }
  return canonical_text({{"format", kIndexFormat},
                         {"version", kTextVersion},
                         {"number", index.number},
                         {"created", utc_text(index.created)},
                         {"expires", utc_text(index.expires)},
                         {"models", std::move(offers)}});
}

Index read_index(std::string_view text, const std::string& name) {
  Index index;
  read_canonically(
      text, name, [&](const Json& json) { index = parse_index(json, name); },
      [&] { return index_text(index); });
  return index;
}

IndexFile read_index_file(std::span<const std::byte> bytes, const std::string& name) {
  if (bytes.size() > kLongestFile) {
    throw Refused(Refusal::kDamaged, name, "is too long for an index of updates");
  }
  const Source source(bytes);
  MemberReader reader(source, name, "an index of updates");
  IndexFile file;
  do {
    const std::size_t number = file.roots.size() + 1;
    if (number > kMostRoots) {
      throw Refused(Refusal::kDamaged, name, "has more than 1000 roots");
    }
    SignedRoot& root = file.roots.emplace_back();
    root.text = reader.text(root_name(number), kLongestRoot);
    root.signature = reader.text(signature_name(number), kLongestSignature);
    if (number > 1) root.previous = reader.text(previous_name(number), kLongestSignature);
  } while (reader.is_next(root_name(file.roots.size() + 1)));
  file.index = reader.text(kIndexName, kLongestIndex);
  file.signature = reader.text(kIndexSignature, kLongestSignature);
  reader.end();
  return file;
}

std::vector<std::byte> index_file(const IndexFile& file) {
  MemberWriter writer;
  std::size_t number = 0;
  for (const SignedRoot& root : file.roots) {
    ++number;
    writer.add(root_name(number), bytes_of(root.text));
    writer.add(signature_name(number), bytes_of(root.signature));
    if (number > 1) writer.add(previous_name(number), bytes_of(root.previous));
  }
  writer.add(kIndexName, bytes_of(file.index));
  writer.add(kIndexSignature, bytes_of(file.signature));
  return writer.end();
}

TrustedIndex trusted_index(const IndexFile& file, const PublicKey& trusted,
                           const std::string& name) {
  start_sodium();
  const std::vector<Root> roots = roots_of(file, name);
  const auto first = std::ranges::find(roots, trusted.text(), &Root::root_key);
  if (first == roots.end()) {
    throw Refused(Refusal::kSigner, name, "has no root with the key " + trusted.id(),
                  "the app trusts another publisher, or a root key that was never published here");
  }
  for (std::size_t i = static_cast<std::size_t>(first - roots.begin()); i < roots.size(); ++i) {
    const SignedRoot& given = file.roots[i];
    const auto key = [&](const Root& root) { return PublicKey::read(root.root_key, name); };
    verify_strictly(key(roots[i]), given.text, given.signature,
                    place_of(name, signature_name(i + 1)));
    if (roots.begin() + static_cast<std::ptrdiff_t>(i) != first) {
      verify_strictly(key(roots[i - 1]), given.text, given.previous,
                      place_of(name, previous_name(i + 1)));
    }
  }
  const Root& root = roots.back();
  verify_strictly(PublicKey::read(root.index_key, name), file.index, file.signature,
                  place_of(name, kIndexSignature));
  return {root, read_index(file.index, place_of(name, kIndexName)), first->number};
}

void check_continues(const IndexFile& known, const IndexFile& next, std::uint64_t first,
                     const std::string& name) {
  const std::size_t count = std::min(known.roots.size(), next.roots.size());
  for (std::size_t i = static_cast<std::size_t>(first) - 1; i < count; ++i) {
    if (known.roots[i].text != next.roots[i].text) {
      throw Refused(Refusal::kSigner, place_of(name, root_name(i + 1)),
                    "is not the root with this number that the app has seen");
    }
  }
}

void check_current(const TrustedIndex& trusted, const Seen& seen, const std::string& name) {
  const auto check_number = [&](const char* what, std::uint64_t number, std::uint64_t known) {
    if (number >= known) return;
    throw Refused(Refusal::kOldRelease, name,
                  std::string(what) + " " + std::to_string(number) + " is older than number " +
                      std::to_string(known) + ", which the app has seen");
  };
  check_number("root", trusted.root.number, seen.root);
  check_number("index", trusted.index.number, seen.index);
  const auto check_time = [&](const char* what, std::int64_t expires) {
    if (expires == 0 || seen.now < expires) return;
    throw Refused(Refusal::kExpired, name,
                  std::string("the ") + what + " expired at " + utc_text(expires),
                  "its publisher has to publish a new one");
  };
  check_time("root", trusted.root.expires);
  check_time("index", trusted.index.expires);
}

const Offer& offer_of(const Index& index, const std::string& model, const std::string& app_version,
                      const std::string& name) {
  const Offer* refused = nullptr;
  for (const Offer& offer : index.offers) {
    if (offer.model != model) continue;
    if (offer.minimum_app.empty() || app_version.empty() ||
        !is_older(app_version, offer.minimum_app)) {
      return offer;
    }
    refused = &offer;
  }
  if (refused == nullptr) {
    throw Refused(Refusal::kOtherModel, name, "has no model \"" + model + "\"");
  }
  throw Refused(Refusal::kOldApp, name,
                "every release of " + model + " needs version " + refused->minimum_app +
                    " of the app or a newer one, and this is " + app_version);
}

}  // namespace oko::seal
