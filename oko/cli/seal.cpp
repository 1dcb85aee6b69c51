#include "oko/cli/seal.h"

namespace oko::cli {

void add_seal_command(CLI::App& app, Context& context) {
  CLI::App* seal = app.add_subcommand(
      "seal", "Seal models: signed, encrypted for an app's key, opened in memory only");
  seal->require_subcommand(1);
  seal->footer(R"(
A sealed model is a tar file of a manifest, its minisign signature and an age file. What that
protects from, and what not: docs/sealed-models.md.)");
  add_seal_keygen(*seal, context);
  add_seal_pack(*seal, context);
  add_seal_verify(*seal, context);
  add_seal_open(*seal, context);
  add_seal_recipients(*seal, context);
  add_seal_rotate(*seal, context);
  add_seal_publish(*seal, context);
  add_seal_update(*seal, context);
  add_seal_mark(*seal, context);
  add_seal_trace(*seal, context);
}

}  // namespace oko::cli
