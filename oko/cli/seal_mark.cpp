#include <fmt/format.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "oko/base/error.h"
#include "oko/cli/choice.h"
#include "oko/cli/input_files.h"
#include "oko/cli/model.h"
#include "oko/cli/seal.h"
#include "oko/cli/table.h"
#include "oko/graph/oko_file.h"
#include "oko/run/output.h"
#include "oko/seal/mark/mark.h"
#include "oko/seal/mark/mark_key.h"
#include "oko/seal/mark/trace.h"
#include "oko/storage/store.h"

namespace oko::cli {
namespace {

seal::MarkKey mark_key(const std::string& source) {
  const Secret secret = read_secret(source);
  return seal::read_mark_key(secret.text, secret.place);
}

struct MarkArguments {
  ModelArguments model;
  std::string key, customer, out;
  seal::MarkOptions options;
};

void mark(const MarkArguments& a, const Context& context) {
  InputFiles files;
  files.add(a.model);
  files.add(a.key);
  files.claim(a.out);
  run::check_output(a.out);
  const graph::Network network = load_model(a.model, {}, context);
  const std::size_t layers = seal::marked_layers(network).size();
  const graph::Network copy = seal::marked(network, mark_key(a.key), a.customer, a.options);
  storage::write(a.out, graph::write_oko(copy));
  context.say(fmt::format("{} -> {} marked for {} in {}", a.model.path, a.out, a.customer,
                          counted(static_cast<std::int64_t>(layers), "layer")));
  context.say("keep " + a.model.path + ": only with it a leaked copy can be traced");
  context.emit({{"file", a.out}, {"customer", a.customer}, {"layers", layers}});
}

struct TraceArguments {
  ModelArguments original;
  std::string suspect, suspect_weights, customers, key;
};

std::vector<std::string> read_customers(const std::string& uri) {
  const std::vector<std::string> names = read_names(uri);
  std::set<std::string> seen;
  for (const std::string& name : names) {
    if (!seen.insert(name).second) throw input_error(uri, "lists \"" + name + "\" twice");
  }
  if (names.empty()) throw input_error(uri, "lists no customer");
  return names;
}

// Below it a customer is named: one false accusation in a million investigations.
constexpr double kSure = 1e-6;

void trace(const TraceArguments& a, const Context& context) {
  const std::vector<std::string> customers = read_customers(a.customers);
  const graph::Network original = load_model(a.original, {}, context);
  ModelArguments other;
  other.path = a.suspect;
  other.weights = a.suspect_weights;
  const graph::Network suspect = load_model(other, {}, context);
  const seal::TraceResult found = seal::trace(original, suspect, mark_key(a.key), customers);

  constexpr std::size_t kMostShown = 10;
  Table table({"customer", "z", "probability of chance", ""});
  Json all = Json::array();
  std::size_t named = 0;
  for (const seal::Trace& one : found.customers) {
    const bool is_sure = one.probability < kSure;
    named += is_sure ? 1 : 0;
    if (all.size() < std::max(kMostShown, named)) {
      table.add({one.customer, fmt::format("{:.1f}", one.z),
                 one.probability > 0 ? fmt::format("{:.2g}", one.probability) : "< 1e-300",
                 is_sure ? "this customer's copy" : ""});
    }
    all.push_back({{"customer", one.customer},
                   {"z", one.z},
                   {"probability", one.probability},
                   {"named", is_sure}});
  }
  context.say(fmt::format("{} of {} marked layers found, filters alike by {:.3f}", found.layers,
                          found.of_layers, found.likeness));
  context.say_lines(table.text());
  context.say(named > 0 ? counted(static_cast<std::int64_t>(named), "customer") + " of " +
                              std::to_string(customers.size()) + " named"
                        : "nobody's copy, as far as these customers go");
  context.emit({{"layers", found.layers},
                {"of_layers", found.of_layers},
                {"likeness", found.likeness},
                {"customers", all}});
}

CLI::Option* add_mark_key(CLI::App& command, std::string& key) {
  return command
      .add_option("--mark-key", key, std::string("Secret key of the marks: ") + kSecretHelp)
      ->required()
      ->type_name("SOURCE");
}

}  // namespace

void add_seal_mark(CLI::App& seal, Context& context) {
  CLI::App* command = seal.add_subcommand("mark", "Make a customer's own copy of a model");
  const auto arguments = std::make_shared<MarkArguments>();
  MarkArguments& a = *arguments;
  add_model_arguments(*command, a.model);
  command->add_option("--customer", a.customer, "Whose copy it is")->required()->type_name("NAME");
  add_mark_key(*command, a.key);
  command->add_option("-o,--out", a.out, "Where to write the .oko file")
      ->required()
      ->type_name("FILE");
  command
      ->add_option("--strength", a.options.strength,
                   "Size of the changes, as a share of the spread of a layer's weights")
      ->check(number_range(.0001, .1))
      ->capture_default_str()
      ->type_name("SHARE");
  command->footer(R"(
Weights differ from the original's by a random pattern of the customer's, too little to change what
the model finds. oko seal trace recognizes it after export, quantization and some fine-tuning.

Examples:
  oko seal mark model.oko --customer "Acme GmbH" --mark-key keys/mark.key -o acme.oko)");
  command->callback([arguments, &context] { mark(*arguments, context); });
}

void add_seal_trace(CLI::App& seal, Context& context) {
  CLI::App* command = seal.add_subcommand("trace", "Find whose copy a leaked model is");
  const auto arguments = std::make_shared<TraceArguments>();
  TraceArguments& a = *arguments;
  command->add_option("ORIGINAL", a.original.path, "The model before it was marked")
      ->required()
      ->type_name("FILE");
  command->add_option("SUSPECT", a.suspect, "The leaked model, of any format that oko reads")
      ->required()
      ->type_name("FILE");
  command
      ->add_option("CUSTOMERS", a.customers, "File with the names of all customers, one per line")
      ->required()
      ->type_name("FILE");
  add_mark_key(*command, a.key);
  command->add_option("--weights", a.suspect_weights, "Weights of a suspect in two files")
      ->type_name("FILE");
  add_key_arguments(*command, a.original.keys);
  command->footer(R"(
z is standard normal for a customer whose copy it is not; the probability is that of a z as high for
any of them by chance. Several are named if they have averaged their copies.

Examples:
  oko seal trace model.oko leaked.tflite customers.txt --mark-key keys/mark.key)");
  command->callback([arguments, &context] { trace(*arguments, context); });
}

}  // namespace oko::cli
