#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "oko/base/error.h"
#include "oko/cli/data.h"
#include "oko/cli/data_copy.h"
#include "oko/cli/interrupt.h"
#include "oko/cli/table.h"
#include "oko/dataset/pack.h"

namespace oko::cli {
namespace {

constexpr std::uint64_t kMegabyte = 1'000'000;

struct PackArguments {
  DataArguments data;
  std::string out;
  std::uint64_t shard_megabytes = 256, seed = 1;
  bool allow_loss = false;
};

void report(const CopySource& source, const dataset::Fitted& copy,
            const std::vector<dataset::Shard>& shards, const std::string& out,
            const Context& context) {
  const auto bytes = std::accumulate(
      shards.begin(), shards.end(), std::uint64_t{0},
      [](std::uint64_t sum, const dataset::Shard& shard) { return sum + shard.bytes; });
  say_copied(source, copy, out, dataset::kPackedFormat, context);
  context.say(fmt::format("{}, {}", counted(std::ssize(shards), "shard"),
                          bytes_text(static_cast<double>(bytes))));
  context.say("next: oko data check " + out);
  Json document = summary_json(copy.data);
  document["dataset"] = out;
  document["format"] = dataset::kPackedFormat;
  add_copied(document, source, copy);
  document["bytes"] = bytes;
  document["shards"] = Json::array();
  for (const dataset::Shard& shard : shards) {
    document["shards"].push_back(
        {{"name", shard.name}, {"bytes", shard.bytes}, {"pictures", shard.pictures}});
  }
  context.emit(document);
}

void pack(const PackArguments& arguments, const Context& context) {
  check_new_dataset(arguments.data, arguments.out);
  CopySource source = load_for_copy(arguments.data);
  check_new_dataset(source.data, arguments.out);
  const dataset::Fitted copy = fit_for_copy(source, dataset::kPackedFormat, arguments.allow_loss);
  const InterruptGuard guard;
  dataset::PackOptions options;
  options.shard_bytes = arguments.shard_megabytes * kMegabyte;
  options.seed = arguments.seed;
  options.interrupted = [&guard] { return guard.interrupted(); };
  const auto shards = dataset::pack(copy.data, arguments.out, options, *context.progress);
  report(source, copy, shards, arguments.out, context);
}

}  // namespace

void add_data_pack_command(CLI::App& data, Context& context) {
  CLI::App* command =
      data.add_subcommand("pack", "Pack many small images into a few large files, for buckets");
  const auto arguments = std::make_shared<PackArguments>();
  PackArguments& a = *arguments;
  add_data_arguments(*command, a.data);
  command->add_option("OUT,-o,--out", a.out, "New folder to write to")
      ->required()
      ->type_name("FOLDER");
  add_split_argument(*command, a.data);
  constexpr std::uint64_t kMostMegabytes = 1'000'000;
  command->add_option("--shard-mb", a.shard_megabytes, "Megabytes per file, approximately")
      ->check(CLI::Range(std::uint64_t{1}, kMostMegabytes))
      ->capture_default_str()
      ->type_name("N");
  command
      ->add_option("--seed", a.seed,
                   "Shuffle seed for the order of images in the files (0: the dataset's order)")
      ->check(check_whole)
      ->capture_default_str()
      ->type_name("N");
  add_allow_loss(*command, a.allow_loss);
  command->footer(R"(
Writes tar files in WebDataset layout, with the images byte for byte, and an index, shards.jsonl.
Every command reads the folder like any other dataset, with the images in their original order. One
request to a bucket then fetches many small images. The source is not changed.

Examples:
  oko data pack photos photos-packed
  oko data pack gs://photos/voc gs://photos/voc-packed --shard-mb 64)");
  command->callback([arguments, &context] { pack(*arguments, context); });
}

}  // namespace oko::cli
