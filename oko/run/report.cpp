#include "oko/run/report.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "oko/run/html.h"
#include "oko/run/report_sections.h"
#include "oko/run/run.h"

namespace oko::run {
namespace {

std::string duration(double seconds) {
  if (seconds < 90) return fmt::format("{:.1f} s", seconds);
  if (seconds < 5400) return fmt::format("{:.0f} min", seconds / 60);
  return fmt::format("{:.1f} h", seconds / 3600);
}

std::string percent(double part) { return fmt::format("{:.0f} %", 100 * part); }

// What the detector does, for readers who have never heard of mAP.
std::string plain_words(const Evaluation& evaluation) {
  const metrics::BestF1& best = evaluation.best_f1;
  if (!(best.f1 > 0)) return "None of the model's detections was correct.";
  return fmt::format(
      "With a score threshold of <b>{:.2f}</b> it finds <b>{}</b> of the objects, and <b>{}</b> of "
      "its detections are correct.",
      best.score, percent(best.recall), percent(best.precision));
}

std::string header(const ReportInput& input, const LogFacts& facts) {
  std::string html = "<header><h1>" + escaped(input.title) + "</h1>";
  if (!facts.verdict.empty()) {
    const bool bad = facts.verdict.ends_with("-fitting");
    html += fmt::format(R"(<p class="verdict{}"><b>{}</b>{}{}</p>)", bad ? " bad" : "",
                        escaped(facts.verdict), facts.why.empty() ? "" : ": ", escaped(facts.why));
  }
  if (input.evaluation != nullptr) {
    html += R"(<p class="verdict">)" + plain_words(*input.evaluation) + "</p>";
  } else {
    html += "<p>The run stopped before its first evaluation.</p>";
  }
  if (!facts.end_reason.empty()) {
    html += R"(<p class="soft">)" +
            (facts.end_reason == kDone ? "The run completed all its epochs"
                                       : "The run ended: " + escaped(facts.end_reason)) +
            ".</p>";
  } else if (!input.log.empty()) {
    html += R"(<p class="soft">The run is not finished.</p>)";
  }
  return html + "</header>\n";
}

std::string tile(const std::string& value, const std::string& what) {
  return fmt::format(R"(<div class="tile"><b>{}</b><span>{}</span></div>)", value, what);
}

int count_boxes(const Evaluation& evaluation) {
  int boxes = 0;
  for (const metrics::ClassResult& result : evaluation.iou50) boxes += result.truths;
  return boxes;
}

std::string tiles(const ReportInput& input, const LogFacts& facts) {
  std::string html = R"(<div class="tiles">)";
  if (const Evaluation* evaluation = input.evaluation; evaluation != nullptr) {
    html += tile(fmt::format("{:.3f}", evaluation->map50), "mAP at IoU .50");
    html += tile(fmt::format("{:.3f}", evaluation->coco.ap), "mAP at IoU .50 to .95");
    html += tile(fmt::format("{:.2f}", evaluation->best_f1.score),
                 fmt::format("best threshold (F1 {:.2f})", evaluation->best_f1.f1));
    const std::size_t unreadable = evaluation->unreadable.size();
    html += tile(
        fmt::format("{}", evaluation->measured()),
        fmt::format("images with {} objects of {} classes{}", count_boxes(*evaluation),
                    evaluation->classes.size(),
                    unreadable > 0 ? fmt::format("; {} more could not be read", unreadable) : ""));
    if (input.log.empty()) html += tile(duration(evaluation->seconds), "for the evaluation");
  }
  if (!input.log.empty()) {
    html += tile(duration(facts.lasted), fmt::format("for {} epochs", facts.epochs.size()));
  }
  if (std::isfinite(facts.wait)) {
    html += tile(fmt::format("{:.1f} %", 100 * facts.wait), "of the time waiting for images");
  }
  return html + "</div>\n";
}

std::string row(const std::string& name, const std::string& value) {
  return "<tr><td>" + name + "</td><td>" + value + "</td></tr>";
}

std::string timings_section(const ReportInput& input, const LogFacts& facts) {
  std::string rows;
  if (!input.log.empty()) rows += row("First to last log line", duration(facts.lasted));
  if (!facts.epochs.empty()) {
    double sum = 0;
    int counted = 0;
    for (const Json* epoch : facts.epochs) {
      const double seconds = number_of(*epoch, "seconds");
      if (std::isfinite(seconds)) sum += seconds, ++counted;
    }
    if (counted > 0) rows += row("Average epoch", duration(sum / counted));
  }
  if (std::isfinite(facts.images_per_second)) {
    rows += row("Training images per second", fmt::format("{:.1f}", facts.images_per_second));
  }
  if (std::isfinite(facts.wait)) {
    rows += row("Share of time waiting for images", fmt::format("{:.1f} %", 100 * facts.wait));
  }
  if (const Evaluation* evaluation = input.evaluation;
      evaluation != nullptr && evaluation->seconds > 0) {
    rows += row("Evaluation",
                fmt::format("{}, {:.1f} images per second", duration(evaluation->seconds),
                            static_cast<double>(evaluation->measured()) / evaluation->seconds));
  }
  if (rows.empty()) return "";
  return R"(<section><h2>Timings</h2><div class="scroll"><table>)" + rows +
         "</table></div></section>\n";
}

std::string items(const std::vector<std::string>& texts) {
  std::string html;
  for (const std::string& text : texts) html += "<li>" + escaped(text) + "</li>";
  return "<ul>" + html + "</ul>";
}

std::string warnings_section(const LogFacts& facts) {
  if (facts.warnings.empty()) return "";
  return "<section><h2>Warnings</h2>" + items(facts.warnings) + "</section>\n";
}

std::string recipe_section(const ReportInput& input, const LogFacts& facts) {
  if (input.recipe.empty() && facts.notes.empty()) return "";
  std::string html = "<section><h2>Recipe</h2>";
  if (!facts.notes.empty()) html += items(facts.notes);
  if (!input.recipe.empty()) {
    html += "<details><summary>run.toml: everything that determines this run</summary><pre>" +
            escaped(input.recipe) + "</pre></details>";
  }
  return html + "</section>\n";
}

std::vector<std::string> texts_of(const Json& event, const char* key) {
  std::vector<std::string> texts;
  const auto it = event.find(key);
  if (it == event.end() || !it->is_array()) return texts;
  for (const Json& text : *it) {
    if (text.is_string()) texts.push_back(text.get<std::string>());
  }
  return texts;
}

}  // namespace

LogFacts gather(const std::vector<Json>& log) {
  LogFacts facts;
  double first = std::numeric_limits<double>::quiet_NaN(), last = first;
  double images = 0, seconds = 0, waited = 0;
  for (const Json& event : log) {
    const std::string kind = text_of(event, "event");
    const double time = number_of(event, "time");
    if (std::isnan(first)) first = time;
    if (std::isfinite(time)) last = time;
    if (kind == kResumeEvent || kind == kStartEvent) facts.end_reason.clear();
    if (kind == kStartEvent) {
      facts.notes = texts_of(event, "notes");
      facts.loss_parts = loss_parts_of(event);
    }
    if (kind == kEndEvent) facts.end_reason = text_of(event, "reason");
    if (kind == kWarningEvent) facts.warnings.push_back(text_of(event, "text"));
    if (kind == kStepEvent) {
      facts.steps.push_back(&event);
      const double rate = number_of(event, "images_per_second"), wait = number_of(event, "wait");
      const double count = number_of(event, "images");
      if (rate > 0 && std::isfinite(wait) && std::isfinite(count)) {
        images += count;
        seconds += count / rate;
        waited += count / rate * wait;
      }
    }
    if (kind != kEpochEvent) continue;
    facts.epochs.push_back(&event);
    // Without a frozen stage the run begins with the full one, and there is no boundary to mark.
    const bool after_first = facts.epochs.size() > 1 && number_of(*facts.epochs[0], "stage") == 1;
    if (number_of(event, "stage") == 2 && after_first && !facts.stage2_epoch) {
      facts.stage2_epoch = number_of(event, "epoch");
    }
    const auto verdict = event.find("verdict");
    if (verdict != event.end() && verdict->is_object()) {
      facts.verdict = text_of(*verdict, "name");
      facts.why = text_of(*verdict, "why");
    }
  }
  facts.started = first;
  facts.lasted = std::isfinite(last - first) ? last - first : 0;
  facts.images_per_second = images / seconds;
  facts.wait = waited / seconds;
  return facts;
}

std::string make_report(const ReportInput& input) {
  const LogFacts facts = gather(input.log);
  std::string html =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>" +
      escaped(input.title) + "</title>\n<style>" + std::string(report_style()) +
      "</style></head>\n<body><main>\n" + header(input, facts) + tiles(input, facts) +
      training_section(facts);
  if (const Evaluation* evaluation = input.evaluation; evaluation != nullptr) {
    html +=
        curves_section(*evaluation) + classes_section(*evaluation) + confusion_section(*evaluation);
    if (input.dataset != nullptr) {
      html += pictures_section(*evaluation, *input.dataset, input.worst_pictures);
    }
  }
  return html + warnings_section(facts) + timings_section(input, facts) +
         recipe_section(input, facts) + "</main></body></html>\n";
}

}  // namespace oko::run
