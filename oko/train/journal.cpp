#include "oko/train/journal.h"

#include <fmt/format.h>

#include <utility>

#include "oko/storage/store.h"
#include "oko/train/estimate.h"

namespace oko::train {
namespace {

Json epoch_event(const EpochSummary& summary, std::int64_t step, const Verdict& verdict) {
  Json event = to_json(summary);
  event["event"] = run::kEpochEvent;
  event["step"] = step;
  event["verdict"] = {{"name", verdict.name}, {"why", verdict.why}};
  return event;
}

}  // namespace

Json start_event(Json recipe, const std::vector<std::string>& notes,
                 std::span<const LossPart> loss_parts) {
  return {{"event", run::kStartEvent},
          {"step", 0},
          {"recipe", std::move(recipe)},
          {"notes", notes},
          {"loss_parts", run::to_json(loss_parts)}};
}

Journal::Journal(run::Writer& writer, const run::Paths& paths, Progress& progress)
    : writer_(writer),
      log_uri_(paths.log()),
      progress_(progress),
      log_(writer, log_uri_),
      tensorboard_(writer, storage::join(paths.tensorboard(), "events.out.tfevents.0.oko")) {}

void Journal::warn(const std::string& text) {
  progress_.line("warning: " + text);
  write({{"event", run::kWarningEvent}, {"text", text}});
}

void Journal::updated(const UpdateRecord& u) {
  Json event{{"event", run::kStepEvent}, {"step", u.step},     {"epoch", u.epoch},
             {"stage", u.stage},         {"images", u.images}, {"loss", u.loss.total() / u.images}};
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < u.loss.values.size(); ++i) {
    const double mean = u.loss.values[i] / u.images;
    event[u.loss.parts[i].key] = mean;
    parts.push_back(fmt::format("{} {:.2f}", u.loss.parts[i].label, mean));
  }
  event.update({{"l2", u.l2},
                {"rate", u.rate},
                {"gradient_norm", u.gradient_norm},
                {"images_per_second", u.images / u.seconds},
                {"wait", u.waited / u.seconds},
                {"width", u.width},
                {"height", u.height}});
  write(std::move(event));
  progress_.note(fmt::format("loss {:.2f} ({}), {:.1f} images/s", u.loss.total() / u.images,
                             fmt::join(parts, ", "), u.images / u.seconds));
}

void Journal::epoch_ended(const EpochSummary& summary, std::int64_t step, const Verdict& verdict,
                          const EpochTimes& times, int epochs) {
  const double wait = times.seconds > 0 ? times.waited / times.seconds : 0;
  Json event = epoch_event(summary, step, verdict);
  event["seconds"] = times.seconds;
  event["wait"] = wait;
  if (times.summed > 0) event["sum_wait"] = times.summed / times.seconds;
  write(std::move(event));
  progress_.line(fmt::format("epoch {}/{}: loss {:.2f}{} in {}, {:.0f} % waiting for data; {}",
                             summary.epoch + 1, epochs, summary.train.total(),
                             summary.has_val
                                 ? fmt::format(", validation {:.2f}, mAP50 {:.3f}, mAP {:.3f}",
                                               summary.val.total(), summary.map50, summary.map)
                                 : "",
                             human_seconds(times.seconds), 100 * wait, verdict.name));
}

void Journal::ended(const std::string& reason, std::int64_t step, const Json& more) {
  Json event{{"event", run::kEndEvent}, {"reason", reason}, {"step", step}};
  event.update(more);
  write(std::move(event));
}

void Journal::go_back(std::uint64_t log_bytes) {
  log_.truncate(log_bytes);
  tensorboard_.restart(run::read_log(log_uri_));
}

void Journal::rebuild(Json start, std::span<const EpochSummary> epochs,
                      std::int64_t steps_per_epoch) {
  log_.write(std::move(start));
  std::vector<EpochSummary> so_far;
  for (const EpochSummary& summary : epochs) {
    so_far.push_back(summary);
    log_.write(epoch_event(summary, (summary.epoch + 1) * steps_per_epoch, judge(so_far)));
  }
  writer_.flush();
  tensorboard_.restart(run::read_log(log_uri_));
}

}  // namespace oko::train
