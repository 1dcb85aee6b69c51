// oko_make_sealed FOLDER RECIPIENT: writes a small model, plain.oko, and sealed for the recipient
// as the releases 7 and 8 (7.oko.sealed, 8.oko.sealed). signer.key signed them, model.key opens
// release 8 too, other.pub signed nothing. 7.oko.index and 8.oko.index are the indexes of updates
// that were published with them, root.pub is the key that apps trust. content.oko.sealed is
// plain.oko for the recipient as a file of another format. other.oko is a plain model of other
// classes, which says of itself all that a file can. For tests that are not C++.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>

#include "oko/base/error.h"
#include "oko/graph/about.h"
#include "oko/runtime/test_sealed.h"
#include "oko/seal/pack/publish.h"

namespace {

using namespace oko;

void write(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) throw input_error(path.string(), "cannot be written");
}

void write(const std::filesystem::path& path, std::string_view text) {
  write(path, std::as_bytes(std::span(text)));
}

constexpr std::int64_t kIn2026 = 1767225600, kIn2100 = 4102444800;

// Publishes one release after the other, as `oko seal publish` does.
class Publisher {
 public:
  std::string root() const { return root_.public_key().text(); }

  // The index that follows the last one.
  std::vector<std::byte> publish(std::span<const std::byte> sealed, const seal::SecretKey& signer) {
    std::vector<seal::Offer> known;
    if (published_) known = published_->index.offers;
    seal::PublishKeys keys;
    keys.index = &index_;
    keys.root = &root_;
    auto index = seal::index_file(seal::next_index(
        published_ ? &*published_ : nullptr,
        seal::with_offers(known, {seal::offer_of(sealed, signer.public_key(), "the model")}),
        kIn2026, kIn2100, keys));
    published_ = seal::read_published(index, "the index");
    return index;
  }

 private:
  seal::SecretKey root_ = seal::SecretKey::make(), index_ = seal::SecretKey::make();
  std::optional<seal::Published> published_;
};

graph::Network other_network() {
  constexpr std::int64_t kIn2025 = 1750000000;
  graph::Network network = runtime::network(true);
  network.name = "other";
  network.classes = {"bird", "fish"};
  graph::set_info(network, {.version = "1.4.0"});
  graph::set_trained(network, kIn2025);
  graph::set_measured(network, {.9, .6, "pets", "val", 120, graph::content_hash(network)});
  graph::set_thresholds(network, {.3F, .4F});
  return network;
}

void make(const std::filesystem::path& folder, const std::string& recipient) {
  seal::start_sodium();
  const graph::Network network = runtime::network(false);
  const auto plain = graph::write_oko(network);
  const auto signer = seal::SecretKey::make();
  const auto identity = seal::X25519Identity::make();
  write(folder / "plain.oko", plain);
  write(folder / "other.oko", graph::write_oko(other_network()));
  write(folder / "signer.key", signer.text(nullptr));
  write(folder / "signer.pub", signer.public_key().text());
  write(folder / "other.pub", seal::SecretKey::make().public_key().text());
  write(folder / "model.key", identity.text());
  seal::Release release;
  release.model = "cards";
  release.minimum_app = "2.4";
  release.expires = kIn2100;
  Publisher publisher;
  write(folder / "root.pub", publisher.root());
  for (const std::uint64_t number : {7U, 8U}) {
    release.release = number;
    std::string recipients = recipient + "\n";
    if (number == 8) recipients += identity.recipient().text() + "\n";
    const auto sealed = seal::pack(plain, network, "oko", release,
                                   seal::read_recipients(recipients, "recipients"), signer);
    const std::string name = std::to_string(number);
    write(folder / (name + ".oko.sealed"), sealed);
    write(folder / (name + ".oko.index"), publisher.publish(sealed, signer));
  }
  write(folder / "content.oko.sealed",
        seal::pack(plain, network, "coreml", release, seal::read_recipients(recipient, "recipient"),
                   signer));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: oko_make_sealed FOLDER RECIPIENT\n", stderr);
    return 2;
  }
  try {
    make(argv[1], argv[2]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
