#include <fmt/format.h>
#include <sodium.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "oko/base/error.h"
#include "oko/cli/choice.h"
#include "oko/cli/seal.h"
#include "oko/cli/table.h"
#include "oko/seal/mark/mark_key.h"
#include "oko/seal/pack/p256tag.h"
#include "oko/seal/sealed_model.h"
#include "oko/storage/private_file.h"
#include "oko/storage/store.h"

namespace oko::cli {
namespace {

struct KeygenArguments {
  std::string folder, only, passphrase;
  bool is_protected = false;
};

// The files of a pair of keys: <stem>.key and <stem>.pub.
struct Pair {
  std::string secret_file, public_file, public_key;
};

Pair write_pair(const std::string& folder, const std::string& stem, std::string secret,
                const std::string& public_text, const std::string& public_key) {
  const Pair pair{storage::join(folder, stem + ".key"), storage::join(folder, stem + ".pub"),
                  public_key};
  storage::write_private_file(pair.secret_file, secret);
  sodium_memzero(secret.data(), secret.size());
  storage::write(pair.public_file, public_text);
  return pair;
}

Pair make_signing_pair(const KeygenArguments& a, const char* stem, const std::string* passphrase) {
  const seal::SecretKey key = seal::SecretKey::make();
  const std::string text = key.public_key().text();
  return write_pair(
      a.folder, stem, key.text(passphrase),
      "untrusted comment: oko public key " + key.public_key().id() + "\n" + text + "\n", text);
}

Pair make_model_pair(const KeygenArguments& a, const std::string* passphrase) {
  seal::NewIdentity made = seal::make_identity(passphrase);
  return write_pair(a.folder, "model", std::move(made.file), made.recipient + "\n", made.recipient);
}

Json as_json(const Pair& pair) {
  return {{"secret_file", pair.secret_file},
          {"public_file", pair.public_file},
          {"public_key", pair.public_key}};
}

void keygen(const KeygenArguments& a, const Context& context) {
  seal::start_sodium();
  if (!storage::is_local(a.folder)) {
    throw Error(ErrorCode::kUsage, a.folder, "is a bucket", "secret keys belong on this machine");
  }
  // All of them first, so that no half of the keys is made.
  const auto makes = [&](const std::string& kind) {
    return a.only.empty() ? kind != "root" && kind != "index" : kind == a.only;
  };
  for (const char* name : {"signing.key", "signing.pub", "model.key", "model.pub", "mark.key",
                           "root.key", "root.pub", "index.key", "index.pub"}) {
    const std::string file = storage::join(a.folder, name);
    if (makes(storage::stem(name)) && storage::exists(file)) {
      throw Error(ErrorCode::kUsage, file, "already exists, and keys are not overwritten",
                  "choose another folder");
    }
  }
  std::optional<std::string> passphrase;
  if (a.is_protected || !a.passphrase.empty()) {
    passphrase = new_passphrase(a.passphrase, "the new keys");
  }
  const std::string* given = passphrase ? &*passphrase : nullptr;
  Json result = Json::object();
  const auto show = [&](const char* kind, const Pair& pair, const char* secret_use,
                        const char* public_use) {
    context.say(fmt::format("{}  keep it secret: it {}", pair.secret_file, secret_use));
    context.say(fmt::format("{}  {}: {}", pair.public_file, public_use, pair.public_key));
    result[kind] = as_json(pair);
  };
  if (makes("signing")) {
    show("signing", make_signing_pair(a, "signing", given), "signs models", "apps verify with it");
  }
  if (makes("root")) {
    show("root", make_signing_pair(a, "root", given), "says which index key counts",
         "apps trust it");
  }
  if (makes("index")) {
    show("index", make_signing_pair(a, "index", given), "signs the index of releases",
         "the root names it");
  }
  if (makes("model")) {
    show("model", make_model_pair(a, given), "opens models", "models are sealed for it");
  }
  if (makes("mark")) {
    const std::string file = storage::join(a.folder, "mark.key");
    storage::write_private_file(file, seal::make_mark_key());
    context.say(file + "  keep it secret: it marks customers' copies");
    result["mark"] = {{"secret_file", file}};
  }
  if (passphrase) sodium_memzero(passphrase->data(), passphrase->size());
  if (a.only.empty()) {
    context.say(fmt::format("next: oko seal pack model.oko --id NAME --release 1 --sign {} --to {}",
                            storage::join(a.folder, "signing.key"),
                            storage::join(a.folder, "model.pub")));
  }
  context.emit(result);
}

struct RecipientsArguments {
  std::string file;
  std::vector<std::string> keys;
};

// Of a p256tag stanza, whose of the given keys it is; X25519's do not tell.
std::string owner_of(const seal::Stanza& stanza, const std::vector<std::string>& keys) {
  for (const std::string& text : keys) {
    const auto key = seal::P256Recipient::read(text);
    if (key && key->is_tagged(stanza)) return text;
  }
  return "";
}

void list_recipients(const RecipientsArguments& a, const Context& context) {
  const Bytes file = storage::map(a.file);
  // An age file alone has recipients too.
  const bool is_whole = seal::is_sealed(file.span());
  const seal::SealedModel sealed = is_whole ? seal::read_sealed(seal::Source(file.span()), a.file)
                                            : seal::SealedModel{{}, {}, seal::Source(file.span())};
  const seal::AgeHeader header = seal::read_age_header(sealed.payload, a.file);
  std::vector<std::string> keys;
  for (const std::string& key : a.keys) {
    const PublicText given = read_public(key);
    for (const seal::Recipient& one : seal::read_recipients(given.text, given.place)) {
      keys.push_back(one.text);
    }
  }
  Table table({"kind", "tag", "key"});
  Json all = Json::array();
  for (const seal::Stanza& stanza : header.stanzas) {
    const std::string tag =
        stanza.type == "p256tag" && !stanza.arguments.empty() ? stanza.arguments.front() : "";
    const std::string owner = owner_of(stanza, keys);
    table.add({stanza.type, tag, owner});
    all.push_back({{"kind", stanza.type}, {"tag", tag}, {"key", owner}});
  }
  table.drop_empty();
  context.say_lines(table.text());
  context.say(counted(static_cast<std::int64_t>(header.stanzas.size()), "recipient") +
              "; an X25519 recipient does not show whose it is");
  context.emit({{"recipients", all}});
}

}  // namespace

void add_seal_keygen(CLI::App& seal, Context& context) {
  CLI::App* command = seal.add_subcommand("keygen", "Make the keys that sign and open models");
  const auto arguments = std::make_shared<KeygenArguments>();
  KeygenArguments& a = *arguments;
  command
      ->add_option("FOLDER", a.folder,
                   "Where to write signing.key, model.key, their .pub, and mark.key")
      ->required()
      ->type_name("FOLDER");
  add_choice(*command, "--only", a.only, "Make only this one",
             {"signing", "model", "mark", "root", "index"});
  command->add_flag("--protect", a.is_protected, "Ask for a passphrase that protects both keys");
  command
      ->add_option("--passphrase", a.passphrase,
                   std::string("Protect them with this passphrase: ") + kSecretHelp)
      ->type_name("SOURCE");
  command->footer(R"(
signing.key is minisign's kind of file, model.key is age's; keys that minisign -G and age-keygen
made are as good. mark.key is for oko seal mark; a passphrase does not protect it. Keep a copy of
signing.key where no fire or thief reaches both: apps trust only its public key, and a lost one
cannot be replaced without a new version of the app. root.key and index.key are for oko seal publish,
and made only by name: root.key belongs where signing.key does, index.key on the machine that
publishes.

Examples:
  oko seal keygen keys/
  oko seal keygen keys/ --protect
  oko seal keygen phone-7/ --only model)");
  command->callback([arguments, &context] { keygen(*arguments, context); });
}

void add_seal_recipients(CLI::App& seal, Context& context) {
  CLI::App* command = seal.add_subcommand("recipients", "List for whom a model is sealed");
  const auto arguments = std::make_shared<RecipientsArguments>();
  RecipientsArguments& a = *arguments;
  command->add_option("MODEL", a.file, "A sealed model")->required()->type_name("FILE");
  command->add_option("--to", a.keys, "Public keys to look for among hardware recipients")
      ->type_name("KEY");
  command->footer(R"(
Examples:
  oko seal recipients cards.oko.sealed
  oko seal recipients cards.oko.sealed --to phones.pub)");
  command->callback([arguments, &context] { list_recipients(*arguments, context); });
}

}  // namespace oko::cli
