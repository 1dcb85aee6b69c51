#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "oko/cli/choice.h"
#include "oko/cli/cli.h"
#include "oko/cli/stoppable.h"
#include "oko/cli/table.h"
#include "oko/weights/fetch.h"
#include "oko/weights/known.h"

namespace oko::cli {
namespace {

std::vector<std::string> known_names() {
  std::vector<std::string> names;
  for (const weights::Known& known : weights::known()) names.emplace_back(known.name);
  return names;
}

Json as_json(const weights::Known& known, const weights::Options& options) {
  Json files = Json::array();
  for (const weights::File& file : known.files) {
    files.push_back({{"name", file.name()},
                     {"address", file.address},
                     {"bytes", file.size},
                     {"sha256", file.sha256}});
  }
  return {{"name", known.name},
          {"network", known.network},
          {"trained_on", known.about},
          {"licence", known.licence},
          {"files", files},
          {"file", place_of(known, options)},
          {"is_here", is_here(known, options)}};
}

void list(const Context& context) {
  const weights::Options options = weights::usual_options();
  Table table({"name", "network", "size", "here", "trained on", "licence"});
  Json all = Json::array();
  for (const weights::Known& known : weights::known()) {
    table.add({std::string(known.name), std::string(known.network),
               bytes_text(static_cast<double>(size_of(known))),
               is_here(known, options) ? "yes" : "no", std::string(known.about),
               std::string(known.licence)});
    all.push_back(as_json(known, options));
  }
  context.say_lines(table.text());
  context.say("kept in " + options.folder);
  context.emit({{"folder", options.folder}, {"weights", all}});
}

void get(const std::vector<std::string>& names, const Context& context) {
  const weights::Options options = weights::usual_options();
  Json all = Json::array();
  for (const std::string& name : names) {
    const weights::Known& known = *weights::find(name);
    {
      StoppableProgress progress(*context.progress);
      weights::get(known, progress, options);
    }
    context.say(fmt::format("file     {}", place_of(known, options)));
    context.say(fmt::format("licence  {}", known.licence));
    context.say(
        fmt::format("next     oko train DATASET --network {} --from {}", known.network, name));
    all.push_back(as_json(known, options));
  }
  context.emit({{"folder", options.folder}, {"weights", all}});
}

}  // namespace

void add_weights_command(CLI::App& app, Context& context) {
  CLI::App* weights = app.add_subcommand(
      "weights", "List and download pretrained weights that training starts from");
  weights->require_subcommand(1);
  CLI::App* all = weights->add_subcommand("list", "List known weights, their sizes and licences");
  all->footer("\nExamples:\n  oko weights list\n  oko weights list --json");
  all->callback([&context] { list(context); });

  CLI::App* one = weights->add_subcommand("get", "Download known weights and check them");
  const auto names = std::make_shared<std::vector<std::string>>();
  one->add_option("NAME", *names, "Names in oko weights list")
      ->required()
      ->check(one_of("NAME", known_names()));
  one->footer(R"(
oko train downloads what it starts from by itself; this is for machines that are offline later. What
is there already is only checked. OKO_WEIGHTS_URL names a mirror: an https address or a folder with
the same files.

Examples:
  oko weights get yolo-fastest-1.1-xl
  OKO_WEIGHTS_URL=/mnt/nets oko weights get yolov3-tiny)");
  one->callback([names, &context] { get(*names, context); });
}

}  // namespace oko::cli
