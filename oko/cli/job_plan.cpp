#include "oko/cli/job_plan.h"

#include <fmt/format.h>

#include "oko/base/error.h"
#include "oko/cli/job_price.h"
#include "oko/cli/table.h"
#include "oko/cost/cost.h"
#include "oko/jobs/duration.h"
#include "oko/jobs/shell.h"
#include "oko/storage/store.h"

namespace oko::cli {
namespace {

using jobs::Spec;

// What the first attempt runs on every worker.
std::vector<std::string> trained_words(const Spec& spec) {
  std::vector<std::string> words = {"oko"};
  words.insert(words.end(), spec.command.begin(), spec.command.end());
  words.insert(words.end(), {"--out", spec.run});
  return words;
}

// "412 files, 96 MB"
std::string amount_of(const std::string& place) {
  const auto whole = storage::stat(place);
  if (!whole || !whole->is_folder) return bytes_text(whole ? whole->size : 0);
  std::uint64_t files = 0, bytes = 0;
  for (const storage::Entry& entry : storage::list(place, true)) {
    files += entry.is_folder ? 0 : 1;
    bytes += entry.size;
  }
  return counted(files, "file") + ", " + bytes_text(bytes);
}

}  // namespace

void say_plan(const Spec& spec, const Context& context) {
  const jobs::Resources& r = spec.resources;
  std::string limits;
  if (r.max_hours > 0) limits += jobs::duration_text(r.max_hours * 3600);
  if (r.max_cost > 0) limits += (limits.empty() ? "" : ", ") + cost::usd_text(r.max_cost);
  context.say("job       " + spec.id);
  context.say("folder    " + spec.folder);
  context.say("trains    " + jobs::shell_command(trained_words(spec)));
  for (const jobs::Input& input : spec.inputs) {
    context.say("copies    " + input.from + " to " + input.name + ", " + amount_of(input.from));
  }
  if (!limits.empty()) context.say("at most   " + limits);
  if (spec.price > 0) {
    context.say(fmt::format("price     {} an hour{}", cost::usd_text(spec.price),
                            spec.price_source.empty() ? "" : " (" + spec.price_source + ")"));
    if (r.max_hours > 0 && r.max_cost == 0) {
      context.say("at most   " + cost::usd_text(spec.price * r.max_hours) + ", by --max-time");
    }
  }
}

void say_estimate(const TrainCommand& train, const Spec& spec, const jobs::Backend& backend,
                  const Context& context) {
  if (spec.price_source.empty()) return;
  const cost::Offer* const offer = offer_for_job(spec.resources, backend.cloud());
  try {
    context.say("estimate  " +
                job_estimate(train.recipe, spec.resources, *offer, *context.progress));
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInterrupted) throw;
    context.say("estimate  not possible: " + std::string(error.what()));
  }
}

}  // namespace oko::cli
