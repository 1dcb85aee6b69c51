#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "oko/base/error.h"
#include "oko/cli/input_files.h"
#include "oko/cli/model.h"
#include "oko/cli/seal.h"
#include "oko/cli/seal_arguments.h"
#include "oko/cli/sealed.h"
#include "oko/cli/table.h"
#include "oko/convert/model_files.h"
#include "oko/convert/read.h"
#include "oko/run/output.h"
#include "oko/seal/pack/pack.h"
#include "oko/storage/store.h"

namespace oko::cli {
namespace {

Json as_json(const seal::Manifest& manifest) {
  return parse_json(seal::manifest_text(manifest), "the manifest");
}

Json manifest_of(const std::vector<std::byte>& sealed, const std::string& name) {
  return as_json(seal::read_manifest(seal::read_sealed(seal::Source(sealed), name).manifest, name));
}

void describe(const seal::Manifest& m, const Context& context) {
  context.say(fmt::format("model      {}, release {}", m.model, m.release));
  if (m.content != "oko") context.say("format     " + m.content);
  context.say("sealed     " + seal::utc_text(m.created));
  if (m.expires != 0) context.say("expires    " + seal::utc_text(m.expires));
  if (!m.minimum_app.empty()) context.say("needs app  " + m.minimum_app);
  if (!m.customer.empty()) context.say("customer   " + m.customer);
  context.say(fmt::format("input      {}x{}, {}", m.input.value("width", 0),
                          m.input.value("height", 0),
                          counted(m.input.value("channels", 0), "channel")));
  std::string names;
  for (const std::string& name : m.classes) names += (names.empty() ? "" : ", ") + name;
  if (names.empty()) names = "without names";
  for (const std::string& line : wrapped("classes    " + names)) context.say(line);
  context.say(fmt::format("size       {}", bytes_text(static_cast<double>(m.size))));
}

struct PackArguments {
  std::string model, out;
  SealArguments seal;
};

void pack(const PackArguments& a, const Context& context) {
  check(a.seal);
  const convert::ModelFiles model = convert::open_model(a.model);
  const formats::File& file = model.files.front();
  if (model.files.size() != 1) {
    throw input_error(a.model, "is several files, and a sealed model is one",
                      "oko import " + a.model + " -o model.oko makes one of it");
  }
  const graph::Network network = convert::read_model(model).network;
  const std::string out = a.out.empty() ? file.name + kSealedSuffix : a.out;
  InputFiles files;
  files.add(file.name);
  add_keys(files, a.seal);
  files.claim(out);
  run::check_output(out);
  const Sealer sealer(a.seal);
  const auto sealed = sealer.seal(file.bytes.span(), network, model.format->name);
  storage::write(out, sealed);
  context.say(fmt::format("{} -> {} for {}", file.name, out,
                          counted(static_cast<std::int64_t>(sealer.recipients()), "recipient")));
  context.say(fmt::format("next: oko seal verify {} --signer {}", out, sealer.signer()));
  context.emit({{"file", out},
                {"bytes", sealed.size()},
                {"signer", sealer.signer()},
                {"manifest", manifest_of(sealed, out)}});
}

struct VerifyArguments {
  std::string file, id, app;
  KeyArguments keys;
  std::uint64_t seen = 0;
};

seal::Demands demands_of(const VerifyArguments& a) {
  if (!a.id.empty()) check_id(a.id);
  check_app("--app", a.app);
  return {a.id, a.app, now(), a.seen};
}

// What was signed and demanded of a file.
seal::Manifest verified(const seal::SealedModel& sealed, const VerifyArguments& a) {
  const seal::Manifest manifest = seal::verified_manifest(sealed, signer_of(a.keys.signer), a.file);
  seal::check_demands(manifest, demands_of(a), a.file);
  return manifest;
}

void verify(const VerifyArguments& a, const Context& context) {
  const Bytes file = storage::map(a.file);
  const seal::SealedModel sealed = seal::read_sealed(seal::Source(file.span()), a.file);
  const seal::Manifest manifest = verified(sealed, a);
  if (a.keys.key.empty()) {
    seal::check_payload(sealed, manifest, a.file);
  } else {
    const Locked model = seal::open_sealed(sealed, manifest, identities(a.keys), a.file);
    seal::check_content(model.span(), manifest, a.file);
  }
  describe(manifest, context);
  context.say(a.keys.key.empty() ? "verified   signature and encrypted file"
                                 : "verified   signature, encrypted file and model");
  context.emit(
      {{"file", a.file}, {"opened", !a.keys.key.empty()}, {"manifest", as_json(manifest)}});
}

struct OpenArguments {
  VerifyArguments verify;
  std::string out;
};

void open(const OpenArguments& a, const Context& context) {
  InputFiles files;
  files.add(a.verify.file);
  files.add(a.verify.keys);
  files.claim(a.out);
  run::check_output(a.out);
  const Bytes file = storage::map(a.verify.file);
  const seal::SealedModel sealed = seal::read_sealed(seal::Source(file.span()), a.verify.file);
  const seal::Manifest manifest = verified(sealed, a.verify);
  const auto keys = identities(a.verify.keys);
  const Locked model = seal::open_sealed(sealed, manifest, keys, a.verify.file);
  seal::check_content(model.span(), manifest, a.verify.file);
  storage::write(a.out, model.span());
  context.say(fmt::format("{} -> {} ({}, release {}), which is not protected any more",
                          a.verify.file, a.out, manifest.model, manifest.release));
  context.emit({{"file", a.out}, {"manifest", as_json(manifest)}});
}

struct RotateArguments {
  VerifyArguments verify;
  std::string out, sign, expires;
  std::uint64_t release = 0;
  std::vector<std::string> to;
};

void rotate(const RotateArguments& a, const Context& context) {
  const std::string out = a.out.empty() ? a.verify.file : a.out;
  InputFiles files;
  add_keys(files, a.to);
  files.add(a.sign);
  files.add(a.verify.keys);
  files.claim(out);
  run::check_output(out);
  const auto recipients = recipients_of(a.to);
  const seal::SecretKey signer = signing_key(a.sign, a.verify.keys.passphrase);
  std::vector<std::byte> sealed_again;
  seal::Manifest manifest;
  {
    const Bytes file = storage::map(a.verify.file);
    const seal::SealedModel sealed = seal::read_sealed(seal::Source(file.span()), a.verify.file);
    const seal::PublicKey old =
        a.verify.keys.signer.empty() ? signer.public_key() : signer_of(a.verify.keys.signer);
    manifest = seal::verified_manifest(sealed, old, a.verify.file);
    if (a.release != 0 && a.release <= manifest.release) {
      throw Error(ErrorCode::kUsage, "--release",
                  "is not higher than that of the file, " + std::to_string(manifest.release));
    }
    manifest.release = a.release != 0 ? a.release : manifest.release + 1;
    if (!a.expires.empty()) manifest.expires = expiry_of(a.expires);
    manifest.created = now();
    const auto keys = identities(a.verify.keys);
    const Locked model = seal::open_sealed(sealed, manifest, keys, a.verify.file);
    sealed_again = seal::repack(manifest, model.span(), recipients, signer);
  }
  storage::write(out, sealed_again);
  context.say(fmt::format("{} -> {} for {}, release {}", a.verify.file, out,
                          counted(static_cast<std::int64_t>(recipients.size()), "recipient"),
                          manifest.release));
  context.say("note: who has the old file and an old key can still open it");
  context.emit({{"file", out}, {"manifest", manifest_of(sealed_again, out)}});
}

void add_file(CLI::App& command, std::string& file) {
  command.add_option("MODEL", file, "A sealed model")->required()->type_name("FILE");
}

CLI::Option* add_signer(CLI::App& command, std::string& signer) {
  return command
      .add_option("--signer", signer, "Public key that it must be signed with, or its file")
      ->type_name("KEY");
}

CLI::Option* add_key(CLI::App& command, std::string& key) {
  return command.add_option("--key", key, std::string("Secret key that opens it: ") + kSecretHelp)
      ->type_name("SOURCE");
}

// What an app demands, to try it out here.
void add_demands(CLI::App& command, VerifyArguments& a) {
  command.add_option("--id", a.id, "Refuse another model")->type_name("NAME");
  command.add_option("--app", a.app, "Refuse what needs a newer app than this version")
      ->type_name("VERSION");
  command.add_option("--seen", a.seen, "Refuse a release lower than this")
      ->check(release_range(0))
      ->type_name("N");
}

}  // namespace

void add_seal_pack(CLI::App& seal, Context& context) {
  CLI::App* command = seal.add_subcommand("pack", "Seal a model for an app");
  const auto arguments = std::make_shared<PackArguments>();
  PackArguments& a = *arguments;
  command->add_option("MODEL", a.model, "An .oko file or a run folder")
      ->required()
      ->type_name("FILE");
  command->add_option("-o,--out", a.out, "Where to write it (default: MODEL.sealed)")
      ->type_name("FILE");
  const SealFlags flags =
      add_seal_arguments(*command, a.seal, "--to",
                         "Public keys that it is sealed for, or files of them; may be repeated");
  for (CLI::Option* option : flags.needed) option->required();
  add_passphrase(*command, a.seal.passphrase);
  command->footer(R"(
Each recipient can open the file alone. age1... keys are in software, age1tag1... keys in an Apple
Secure Enclave or Android Keystore.

Examples:
  oko seal pack runs/1 -o cards.oko.sealed --id cards --release 7 \
    --sign keys/signing.key --to keys/model.pub
  oko seal pack model.oko --id cards --release 8 --sign env:SIGNING_KEY \
    --to app.pub --to age1... --expires 180d --minimum-app 2.4)");
  command->callback([arguments, &context] { pack(*arguments, context); });
}

void add_seal_verify(CLI::App& seal, Context& context) {
  CLI::App* command = seal.add_subcommand("verify", "Check a sealed model, and show what it is");
  const auto arguments = std::make_shared<VerifyArguments>();
  VerifyArguments& a = *arguments;
  add_file(*command, a.file);
  add_signer(*command, a.keys.signer)->required();
  add_key(*command, a.keys.key);
  add_passphrase(*command, a.keys.passphrase);
  add_demands(*command, a);
  command->footer(R"(
Without --key nothing is decrypted: signature, manifest and the hash of the encrypted file are
checked. Exit code 3 if it is refused, also for a model that has expired.

Examples:
  oko seal verify cards.oko.sealed --signer keys/signing.pub
  oko seal verify cards.oko.sealed --signer keys/signing.pub --key keys/model.key)");
  command->callback([arguments, &context] { verify(*arguments, context); });
}

void add_seal_open(CLI::App& seal, Context& context) {
  CLI::App* command = seal.add_subcommand("open", "Write the model inside as a plain file");
  const auto arguments = std::make_shared<OpenArguments>();
  OpenArguments& a = *arguments;
  add_file(*command, a.verify.file);
  add_signer(*command, a.verify.keys.signer)->required();
  add_key(*command, a.verify.keys.key)->required();
  add_passphrase(*command, a.verify.keys.passphrase);
  add_demands(*command, a.verify);
  command->add_option("-o,--out", a.out, "Where to write the .oko file")
      ->required()
      ->type_name("FILE");
  command->footer(R"(
Apps and oko's other commands open sealed models in memory; this is for moving a model elsewhere.

Examples:
  oko seal open cards.oko.sealed --signer keys/signing.pub --key keys/model.key -o cards.oko)");
  command->callback([arguments, &context] { open(*arguments, context); });
}

void add_seal_rotate(CLI::App& seal, Context& context) {
  CLI::App* command = seal.add_subcommand("rotate", "Seal the same model again for other keys");
  const auto arguments = std::make_shared<RotateArguments>();
  RotateArguments& a = *arguments;
  add_file(*command, a.verify.file);
  add_key(*command, a.verify.keys.key)->required();
  add_sign(*command, a.sign)->required();
  add_recipients(*command, a.to, "--to",
                 "Public keys that it is sealed for, or files of them; may be repeated")
      ->required();
  add_signer(*command, a.verify.keys.signer)
      ->description("Public key that it is signed with now, if --sign is a new one");
  add_passphrase(*command, a.verify.keys.passphrase);
  add_expires(*command, a.expires);
  command->add_option("--release", a.release, "Number of the new release (default: one more)")
      ->check(release_range(1))
      ->type_name("N");
  command->add_option("-o,--out", a.out, "Where to write it (default: over MODEL)")
      ->type_name("FILE");
  command->footer(R"(
The model is encrypted under a new key: a recipient that is not given any more cannot open the new
file. It can open the old one for as long as it keeps it.

Examples:
  oko seal rotate cards.oko.sealed --key keys/model.key --sign keys/signing.key --to new.pub)");
  command->callback([arguments, &context] { rotate(*arguments, context); });
}

}  // namespace oko::cli
