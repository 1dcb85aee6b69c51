// `oko seal publish` and `oko seal update`: releases of models on a server, and an app's side of
// it.
#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "oko/base/error.h"
#include "oko/cli/input_files.h"
#include "oko/cli/seal.h"
#include "oko/cli/seal_arguments.h"
#include "oko/cli/sealed.h"
#include "oko/cli/stoppable.h"
#include "oko/cli/table.h"
#include "oko/runtime/update.h"
#include "oko/seal/pack/publish.h"
#include "oko/seal/refused.h"
#include "oko/storage/http/get.h"
#include "oko/storage/local/file.h"
#include "oko/storage/store.h"
#include "oko/storage/temporary.h"
#include "oko/weights/download.h"

namespace oko::cli {
namespace {

namespace http = storage::http;

constexpr std::uint64_t kLongestIndex = std::uint64_t{16} << 20;
constexpr std::string_view kPartSuffix = ".fetched";

std::string index_in(const std::string& place) {
  return storage::join(place, std::string(seal::kIndexFileName));
}

// ---- Publishing -------------------------------------------------------------------------------

struct PublishArguments {
  std::string place, sign, passphrase, signer, record, root, old_root, expires = "90d",
                                                                       root_expires;
  std::vector<std::string> models, remove;
};

// What is published now, and the version of that file.
struct Current {
  seal::Published published;
  std::string version;
};

std::optional<Current> current_in(const std::string& place) {
  const std::string name = index_in(place);
  const auto entry = storage::stat(name);
  if (!entry) return std::nullopt;
  const Bytes bytes = storage::read(name, entry->version);
  return Current{seal::read_published(bytes.span(), name), entry->version};
}

// Where what was published last is kept, beside the key that signs it. Empty where that is not a
// file.
std::string record_of(const PublishArguments& a) {
  if (!a.record.empty()) return a.record;
  if (a.sign.starts_with("env:") || a.sign.starts_with("command:")) return "";
  return storage::join(storage::parent(a.sign), storage::stem(a.sign) + ".published");
}

void check_with_record(const std::optional<Current>& current, const std::string& record,
                       const std::string& place) {
  if (record.empty() || !storage::exists(record)) return;
  const seal::Published last = seal::read_published(storage::read(record).span(), record);
  try {
    seal::check_record(current ? &current->published : nullptr, last, index_in(place));
  } catch (const Error& error) {
    throw input_error(error.place(), error.message(),
                      "restore it: oko store cp " + record + " " + index_in(place) +
                          "; for another place give another --record");
  }
}

struct Upload {
  std::string file;
  Bytes content;
  seal::Offer offer;
};

std::vector<Upload> uploads_of(const PublishArguments& a, const Context& context) {
  std::vector<Upload> all;
  if (a.models.empty()) return all;
  if (a.signer.empty()) {
    throw Error(ErrorCode::kUsage, "--signer", "is needed to publish a model",
                "give the public key that apps trust, signing.pub");
  }
  const seal::PublicKey signer = signer_of(a.signer);
  for (const std::string& file : a.models) {
    Upload& upload = all.emplace_back();
    upload.file = file;
    upload.content = storage::map(file);
    upload.offer = seal::offer_of(upload.content.span(), signer, file);
    const auto manifest = seal::read_manifest(
        seal::read_sealed(seal::Source(upload.content.span()), file).manifest, file);
    if (manifest.expires != 0 && manifest.expires <= now()) {
      throw input_error(file, "expired at " + seal::utc_text(manifest.expires),
                        "oko seal rotate seals it again");
    }
    if (!manifest.customer.empty()) {
      context.progress->line("note: " + file + " is the copy of " + manifest.customer +
                             ": every app that updates from this place gets it");
    }
  }
  return all;
}

std::vector<seal::Offer> offers_after(const std::optional<Current>& current,
                                      const std::vector<Upload>& uploads,
                                      const std::vector<std::string>& removed) {
  std::vector<seal::Offer> known, added;
  if (current) known = current->published.index.offers;
  for (const std::string& model : removed) {
    const auto is_it = [&](const seal::Offer& offer) { return offer.model == model; };
    if (std::erase_if(known, is_it) == 0) {
      throw Error(ErrorCode::kUsage, "--remove", "there is no model \"" + model + "\"");
    }
  }
  for (const Upload& upload : uploads) added.push_back(upload.offer);
  return seal::with_offers(known, added);
}

// Apps may be fetching what is there, so a name never changes its content.
void upload(const Upload& one, const std::string& place) {
  const std::string to = storage::join(place, seal::file_name_of(one.offer));
  if (!storage::exists(to)) {
    storage::write(to, one.content.span());
  } else if (seal::blake2b_hex(storage::read(to).span()) != one.offer.hash) {
    throw input_error(to, "is there already, with another content",
                      "seal the model with a higher --release");
  }
}

Json as_json(const seal::IndexFile& file, const seal::Index& index) {
  return {{"root", file.roots.size()},
          {"index", index.number},
          {"expires", seal::utc_text(index.expires)},
          {"models", parse_json(seal::index_text(index), "the index").at("models")}};
}

// What the index goes on to name must be there.
void check_files(const std::vector<seal::Offer>& offers, const std::vector<Upload>& uploads,
                 const std::string& place) {
  for (const seal::Offer& offer : offers) {
    const auto is_it = [&](const Upload& upload) { return upload.offer == offer; };
    if (std::ranges::any_of(uploads, is_it)) continue;
    const std::string file = storage::join(place, seal::file_name_of(offer));
    const auto entry = storage::stat(file);
    if (entry && entry->size == offer.size) continue;
    throw input_error(file, entry ? "has another size than the index says" : "is missing",
                      "give the model again, or --remove it");
  }
}

void show_offers(const seal::Index& index, const Context& context) {
  Table table({"model", "release", "needs app", "file", "size"});
  for (const seal::Offer& offer : index.offers) {
    table.add({offer.model, std::to_string(offer.release), offer.minimum_app,
               seal::file_name_of(offer), bytes_text(static_cast<double>(offer.size))});
  }
  table.drop_empty();
  context.say_lines(table.text());
}

void publish(const PublishArguments& a, const Context& context) {
  seal::start_sodium();
  if (http::is_https(a.place)) {
    throw Error(ErrorCode::kUsage, a.place, "cannot be written to",
                "publish to the folder or bucket that the server shows");
  }
  InputFiles files;
  for (const std::string& model : a.models) files.add(model);
  add_keys(files, {a.sign, a.passphrase, a.root, a.old_root});
  const std::string record = record_of(a);
  files.claim(index_in(a.place));
  if (!record.empty()) files.claim(record);
  const std::int64_t expires = expiry_of(a.expires);
  const auto current = current_in(a.place);
  check_with_record(current, record, a.place);
  const auto uploads = uploads_of(a, context);
  auto offers = offers_after(current, uploads, a.remove);
  check_files(offers, uploads, a.place);

  const auto key = [&](const std::string& source) {
    std::optional<seal::SecretKey> read;
    if (!source.empty()) read.emplace(signing_key(source, a.passphrase));
    return read;
  };
  const auto index_key = key(a.sign), root_key = key(a.root), old_root_key = key(a.old_root);
  seal::PublishKeys keys;
  keys.index = &*index_key;
  keys.root = root_key ? &*root_key : nullptr;
  keys.old_root = old_root_key ? &*old_root_key : nullptr;
  if (a.root_expires == "never") {
    keys.root_expires = 0;
  } else if (!a.root_expires.empty()) {
    keys.root_expires = expiry_of(a.root_expires, "--root-expires");
  }
  const seal::IndexFile next = seal::next_index(current ? &current->published : nullptr,
                                                std::move(offers), now(), expires, keys);

  // The index last: until then apps see the old one, and all that it names.
  for (const Upload& one : uploads) upload(one, a.place);
  const storage::Uri index_uri(index_in(a.place));
  storage::store_for(index_uri).write(
      index_uri, seal::index_file(next),
      current ? storage::Precondition::version(current->version) : storage::Precondition::absent());

  if (!record.empty()) storage::write(record, seal::index_file(next));
  const seal::Index index = seal::read_index(next.index, "the index");
  const seal::Root root = seal::read_root(next.roots.back().text, "the root");
  const std::int64_t until =
      root.expires != 0 ? std::min(root.expires, index.expires) : index.expires;
  show_offers(index, context);
  for (const std::string& model : a.remove) {
    context.progress->line("note: apps that have " + model + " keep it");
  }
  const bool is_new_root = !current || next.roots.size() > current->published.file.roots.size();
  context.say(fmt::format("published index {}{}, which apps accept until {}: {}", index.number,
                          is_new_root ? fmt::format(" under root {}", next.roots.size()) : "",
                          seal::utc_text(until), index_in(a.place)));
  if (!record.empty()) context.say("kept for the next time, and worth a backup: " + record);
  if (!current) context.say("apps trust the root key " + root_key->public_key().text());
  Json json = as_json(next, index);
  json["file"] = index_in(a.place);
  context.emit(json);
}

// ---- An app's side ---------------------------------------------------------------------------

struct UpdateArguments {
  std::string folder, from, root, signer, app;
  std::vector<std::string> models;
};

std::vector<std::byte> fetch_index(const std::string& from) {
  const std::string name = index_in(from);
  if (http::is_https(name)) {
    const std::string body = http::get(http::shared_client(), name, kLongestIndex);
    const auto bytes = std::as_bytes(std::span(body));
    return {bytes.begin(), bytes.end()};
  }
  const Bytes bytes = storage::read_range(name, 0, kLongestIndex + 1);
  return {bytes.span().begin(), bytes.span().end()};
}

// Interrupted downloads are continued by the next one, from the file `to`.
void fetch(const std::string& from, const seal::Offer& offer, const std::string& to,
           Progress& progress) {
  const std::string source = storage::join(from, seal::file_name_of(offer));
  const storage::local::File file(to, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, "cannot write");
  progress.begin("fetching " + seal::file_name_of(offer), offer.size, "bytes");
  if (http::is_https(source)) {
    weights::download(source, offer.size, file, weights::usual_options(), progress);
  } else {
    weights::empty(file, to);
    std::uint64_t at = 0;
    storage::read_to(source, 0, offer.size + 1, {}, [&](std::span<const std::byte> piece) {
      file.write_at(at, piece);
      at += piece.size();
      progress.advance(piece.size());
    });
  }
  progress.end();
}

// What older downloads of the model left: another release is not the beginning of this one.
void remove_parts(const std::string& path, const seal::Offer& offer, const std::string& part) {
  for (const storage::Entry& entry : storage::list(storage::parent(path))) {
    const std::string name = storage::filename(entry.uri);
    if (name.starts_with(offer.model + "-") && name.ends_with(kPartSuffix) &&
        name != storage::filename(part)) {
      storage::remove(entry.uri);
    }
  }
}

Json bring_up_to_date(const runtime::Update& update, const std::string& model,
                      const std::string& from, const Context& context) {
  const seal::Offer& offer = update.offer(model);
  const std::uint64_t installed = update.installed(model);
  const std::string path = update.path(model);
  if (installed < offer.release) {
    const std::string part =
        storage::join(storage::parent(path), seal::file_name_of(offer) + std::string(kPartSuffix));
    remove_parts(path, offer, part);
    {
      StoppableProgress progress(*context.progress);
      fetch(from, offer, part, progress);
    }
    try {
      update.install(model, part);
    } catch (const Error&) {
      storage::remove(part);  // so that the next one begins anew
      throw;
    }
    storage::remove(part);
    context.say(fmt::format("{}: release {} -> {}, {}", model,
                            installed == 0 ? "none" : std::to_string(installed), offer.release,
                            path));
  } else {
    context.say(fmt::format("{}: release {} is the newest, {}", model, installed, path));
  }
  return {{"model", model},
          {"release", std::max(installed, offer.release)},
          {"before", installed},
          {"file", path}};
}

void update(const UpdateArguments& a, const Context& context) {
  seal::start_sodium();
  check_app("--app", a.app);
  for (const std::string& model : a.models) check_id(model);
  if (!storage::is_local(a.folder)) {
    throw Error(ErrorCode::kUsage, a.folder, "is a bucket", "updates go to a folder here");
  }
  std::string folder = storage::Uri(a.folder).path();
  while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
  const seal::PublicKey root = signer_of(a.root);
  const std::vector<std::byte> bytes = fetch_index(a.from);
  storage::local::make_folders_for(index_in(folder));
  const runtime::Update update(bytes, root, {folder, a.app, now(), signer_of(a.signer)},
                               runtime::Releases({}, "oko seal update"));
  const std::vector<std::string> models = a.models.empty() ? update.models() : a.models;
  if (models.empty()) context.say("nothing is published there");
  Json results = Json::array();
  for (const std::string& model : models) {
    try {
      results.push_back(bring_up_to_date(update, model, a.from, context));
    } catch (const seal::Refused& refused) {
      // One that this app is too old for does not keep the others from being fetched.
      if (!a.models.empty() || refused.why() != seal::Refusal::kOldApp) throw;
      context.progress->line("note: " + refused.message());
    }
  }
  context.emit({{"models", results}});
}

}  // namespace

void add_seal_publish(CLI::App& seal, Context& context) {
  CLI::App* command = seal.add_subcommand("publish", "Publish releases that apps update to");
  const auto arguments = std::make_shared<PublishArguments>();
  PublishArguments& a = *arguments;
  command
      ->add_option("PLACE", a.place, "Folder or bucket's folder of the models: gs://bucket/models")
      ->required()
      ->type_name("PLACE");
  command->add_option("MODEL", a.models, "Sealed models to add (none: a new last day only)")
      ->type_name("FILE");
  command
      ->add_option("--sign", a.sign, std::string("Secret key that signs the index: ") + kSecretHelp)
      ->required()
      ->type_name("SOURCE");
  command
      ->add_option("--root", a.root, "Secret root key, for the first index and where a key changes")
      ->type_name("SOURCE");
  command->add_option("--old-root", a.old_root, "With a new --root: the one before it")
      ->type_name("SOURCE");
  add_passphrase(*command, a.passphrase);
  command
      ->add_option("--signer", a.signer,
                   "Public key that the models must be signed with, or its file; with MODEL")
      ->type_name("KEY");
  command
      ->add_option("--record", a.record,
                   "Copy of what was published last, which PLACE must not fall behind (default: "
                   "beside a key file of --sign, as index.published)")
      ->type_name("FILE");
  command
      ->add_option("--expires", a.expires,
                   "Last day on which apps accept the index (UTC), or how "
                   "long from now [default: 90d]")
      ->type_name("DAY");
  command
      ->add_option("--root-expires", a.root_expires,
                   "The same of the root, or never [default: never]")
      ->type_name("DAY");
  command
      ->add_option("--remove", a.remove, "Offer no release of this model any more; may be repeated")
      ->allow_extra_args(false)
      ->type_name("NAME");
  command->footer(R"(
Writes cards-7.oko.sealed for each model, then models.oko.index, which apps check. Publish again
before its last day, or apps take the server for one that hides new releases. The server is not
trusted: what it has must follow what was published last.

Examples:
  oko seal keygen keys/ --only root
  oko seal keygen keys/ --only index
  oko seal publish gs://my-bucket/models cards.oko.sealed --signer keys/signing.pub \
    --sign keys/index.key --root keys/root.key
  oko seal publish gs://my-bucket/models cards.oko.sealed --signer keys/signing.pub \
    --sign keys/index.key
  oko seal publish gs://my-bucket/models --sign keys/index.key --expires 90d)");
  command->callback([arguments, &context] { publish(*arguments, context); });
}

void add_seal_update(CLI::App& seal, Context& context) {
  CLI::App* command = seal.add_subcommand("update", "Fetch newer releases, as an app does");
  const auto arguments = std::make_shared<UpdateArguments>();
  UpdateArguments& a = *arguments;
  command->add_option("FOLDER", a.folder, "Where the models are kept")
      ->required()
      ->type_name("FOLDER");
  command
      ->add_option("--from", a.from,
                   "Where they were published: an https address, folder or bucket")
      ->required()
      ->type_name("PLACE");
  command->add_option("--root", a.root, "Public root key that is trusted, or its file")
      ->required()
      ->type_name("KEY");
  command
      ->add_option("--signer", a.signer, "Public key that models must be signed with, or its file")
      ->required()
      ->type_name("KEY");
  command->add_option("--id", a.models, "Only this model; may be repeated")
      ->allow_extra_args(false)
      ->type_name("NAME");
  command->add_option("--app", a.app, "Version of the app: releases that need a newer one are left")
      ->type_name("VERSION");
  command->footer(R"(
For a Raspberry Pi or a kiosk, and for trying out what apps do with oko_update_check(). Exit code 3
if the index is not to be trusted, older than one seen in FOLDER, or over; the models stay as they are.

Examples:
  oko seal update models/ --from https://models.example.com/v1 \
    --root keys/root.pub --signer keys/signing.pub
  oko seal update models/ --from gs://my-bucket/models --root keys/root.pub \
    --signer keys/signing.pub --id cards)");
  command->callback([arguments, &context] { update(*arguments, context); });
}

}  // namespace oko::cli
