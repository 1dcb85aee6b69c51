#include "oko/jobs/vertex/ai_platform.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <string_view>

#include "oko/base/error.h"
#include "oko/base/suggest.h"
#include "oko/jobs/gpus.h"

namespace oko::jobs {
namespace {

constexpr const char* kNameFlag = "--name";  // oko's own

// What becomes of a flag of the old command. https://cloud.google.com/sdk/gcloud/reference/
// ai-platform/jobs/submit/training
enum class Fate { kTranslate, kDrop, kRefuse };
struct Old {
  std::string_view flag;
  bool has_value;
  Fate fate;
  std::string_view why;  // of kDrop and kRefuse
};
constexpr std::string_view kNoPackage = "the workers run oko itself, no Python package";
constexpr std::string_view kNoServers = "workers exchange gradients with each other";
constexpr std::string_view kNoKeys = "encryption keys of one's own are not supported";
constexpr std::array kOld = {
    Old{"--scale-tier", true, Fate::kTranslate, ""},
    Old{"--tier", true, Fate::kTranslate, ""},
    Old{"--master-machine-type", true, Fate::kTranslate, ""},
    Old{"--master-accelerator", true, Fate::kTranslate, ""},
    Old{"--master-image-uri", true, Fate::kTranslate, ""},
    Old{"--worker-count", true, Fate::kTranslate, ""},
    Old{"--worker-machine-type", true, Fate::kTranslate, ""},
    Old{"--worker-accelerator", true, Fate::kTranslate, ""},
    Old{"--worker-image-uri", true, Fate::kTranslate, ""},
    Old{"--package-path", true, Fate::kDrop, kNoPackage},
    Old{"--packages", true, Fate::kDrop, kNoPackage},
    Old{"--module-name", true, Fate::kDrop, kNoPackage},
    Old{"--python-version", true, Fate::kDrop, kNoPackage},
    Old{"--runtime-version", true, Fate::kDrop, "the image decides what is installed"},
    Old{"--staging-bucket", true, Fate::kDrop, "nothing is staged; inputs go to the job's folder"},
    Old{"--use-chief-in-tf-config", true, Fate::kDrop, "oko does not read TF_CONFIG"},
    Old{"--parameter-server-count", true, Fate::kDrop, kNoServers},
    Old{"--parameter-server-machine-type", true, Fate::kDrop, kNoServers},
    Old{"--parameter-server-accelerator", true, Fate::kDrop, kNoServers},
    Old{"--parameter-server-image-uri", true, Fate::kDrop, kNoServers},
    Old{"--labels", true, Fate::kDrop, "a job has one label, oko-job, by which it is found"},
    Old{"--async", false, Fate::kDrop, "submitting never waits"},
    Old{"--stream-logs", false, Fate::kDrop, "oko job logs -f follows the log"},
    Old{"--enable-web-access", false, Fate::kRefuse, "shells on the workers are not supported"},
    Old{"--config", true, Fate::kRefuse, "a job's file is not read; give its values as flags"},
    Old{"--kms-key", true, Fate::kRefuse, kNoKeys},
    Old{"--kms-keyring", true, Fate::kRefuse, kNoKeys},
    Old{"--kms-location", true, Fate::kRefuse, kNoKeys},
    Old{"--kms-project", true, Fate::kRefuse, kNoKeys},
};

// Flags of the old training program, after "--".
struct OldOutput {
  std::string_view flag, why;
};
constexpr std::array kOutputs = {
    OldOutput{"--weights_stage",
              "the model of the first stage is run/stage.oko in the job's folder"},
    OldOutput{"--weights_final", "the final model is run/model.oko in the job's folder"},
    OldOutput{"--job-dir", "the job's folder is known to the workers"},
};

// Tiers as AI Platform defined them; K80s are not offered any more.
struct Tier {
  std::string_view name;
  int workers, gpus;
  std::string_view note;
};
constexpr std::array kTiers = {
    Tier{"BASIC", 1, 0, "one worker without a GPU"},
    Tier{"BASIC_GPU", 1, 1, "one worker with a T4; it was a K80, which is no longer offered"},
    Tier{"STANDARD_1", 5, 0, "5 workers without GPUs; its 3 parameter servers are not needed"},
    Tier{"PREMIUM_1", 20, 0, "20 workers without GPUs; its 11 parameter servers are not needed"},
    Tier{"CUSTOM", 0, 0, "as the other flags say"},
};

std::string upper(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c == '-') c = '_';
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return result;
}

const Tier& tier_named(const std::string& flag, const std::string& value) {
  const std::string name = upper(value);
  if (name == "BASIC_TPU") {
    throw Error(ErrorCode::kUsage, flag, "BASIC_TPU is a TPU, on which oko does not train",
                "use BASIC_GPU");
  }
  std::vector<std::string_view> known;
  for (const Tier& tier : kTiers) {
    if (tier.name == name) return tier;
    known.push_back(tier.name);
  }
  throw unknown_word(ErrorCode::kUsage, flag, "tier", name, known);
}

struct Accelerator {
  int count = 0;
  std::string gpu;
};
// "count=1,type=nvidia-tesla-k80", in either order.
Accelerator accelerator_of(const std::string& flag, std::string_view value) {
  Accelerator accelerator;
  for (std::string_view rest = value; !rest.empty();) {
    const std::string_view one = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), one.size() + 1));
    if (one.starts_with("type=")) accelerator.gpu = one.substr(5);
    if (one.starts_with("count=")) {
      std::from_chars(one.data() + 6, one.data() + one.size(), accelerator.count);
    }
  }
  if (accelerator.count < 1 || accelerator.gpu.empty()) {
    throw Error(ErrorCode::kUsage, flag, "\"" + std::string(value) + "\" is not an accelerator",
                "use count=1,type=nvidia-tesla-t4");
  }
  if (accelerator.gpu.starts_with("tpu")) {
    throw Error(ErrorCode::kUsage, flag, "oko does not train on TPUs",
                "use count=1,type=nvidia-tesla-t4");
  }
  accelerator.gpu = gpu_named(accelerator.gpu, flag).name;
  return accelerator;
}

class Translator {
 public:
  explicit Translator(std::span<const std::string> words) : words_(words) {}

  Translated run() {
    read_flags();
    add_translated();
    add_command();
    if (!old_) return {{words_.begin(), words_.end()}, {}};
    return std::move(result_);
  }

 private:
  void note(std::string_view old, std::string_view text) {
    old_ = true;
    result_.notes.push_back(std::string(old) + ": " + std::string(text));
  }
  void add(const std::string& flag, const std::string& value) {
    result_.words.push_back(flag);
    result_.words.push_back(value);
  }
  static bool is_switch(const std::string& word) {
    return word == "-n" || word == "--dry-run" || word == "--spot";
  }
  // A flag of the new command, so that a tier does not contradict it.
  bool given(const std::string& flag) const {
    return std::any_of(result_.words.begin(), result_.words.end(), [&](const std::string& word) {
      return word == flag || word.starts_with(flag + "=");
    });
  }

  // `word` as "--flag" or "--flag=value"; the value may be the next word.
  std::string value_of(const std::string& word, std::string_view flag) {
    if (word.size() > flag.size()) return word.substr(flag.size() + 1);
    if (at_ + 1 >= words_.size() || words_[at_ + 1] == "--") {
      throw Error(ErrorCode::kUsage, std::string(flag), "has no value", "add one, or remove it");
    }
    return words_[++at_];
  }

  void read_flags() {
    // "submit training JOB", perhaps after flags that have no value.
    while (at_ < words_.size() && is_switch(words_[at_])) result_.words.push_back(words_[at_++]);
    if (at_ + 1 < words_.size() && words_[at_] == "training") ++at_;
    if (at_ < words_.size() && words_[at_] == "train") {
      throw Error(ErrorCode::kUsage, "job submit", "the training command follows after --",
                  "oko job submit -- train photos --epochs 100");
    }
    if (at_ < words_.size() && !words_[at_].starts_with('-')) {
      std::string name = words_[at_];  // underscores and capitals were allowed
      for (char& c : name) {
        if (c == '_') c = '-';
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
      }
      note(words_[at_++], std::string("the job's ") + kNameFlag + " is " + name);
      add(kNameFlag, name);
    }
    for (; at_ < words_.size() && words_[at_] != "--"; ++at_) {
      const std::string& word = words_[at_];
      const auto old = std::find_if(kOld.begin(), kOld.end(), [&](const Old& one) {
        return word == one.flag || (one.has_value && word.starts_with(std::string(one.flag) + "="));
      });
      if (old == kOld.end()) {
        result_.words.push_back(word);
        continue;
      }
      const std::string value = old->has_value ? value_of(word, old->flag) : "";
      if (old->fate == Fate::kRefuse) {
        throw Error(ErrorCode::kUsage, std::string(old->flag), std::string(old->why), "remove it");
      }
      if (old->fate == Fate::kDrop) {
        note(old->flag, "not needed: " + std::string(old->why));
      } else {
        values_[std::string(old->flag)] = value;
      }
    }
  }

  std::optional<std::string> taken(const std::string& flag) {
    const auto found = values_.find(flag);
    if (found == values_.end()) return std::nullopt;
    return found->second;
  }

  // The workers are all equal here.
  void require_same(const std::string& worker, const std::string& master) {
    const auto value = taken(worker);
    if (!value) return;
    if (value != taken(master)) {
      throw Error(ErrorCode::kUsage, worker, "differs from " + master + ": all workers are equal",
                  "give both the same value");
    }
    note(worker, "all workers are like the first");
  }

  // Renames a flag.
  void rename(const std::string& old, const std::string& flag) {
    const auto value = taken(old);
    if (!value) return;
    if (given(flag)) {
      throw Error(ErrorCode::kUsage, old, "is given together with " + flag, "keep one of them");
    }
    note(old, "now " + flag + " " + *value);
    add(flag, *value);
  }

  void add_translated() {
    require_same("--worker-machine-type", "--master-machine-type");
    require_same("--worker-accelerator", "--master-accelerator");
    require_same("--worker-image-uri", "--master-image-uri");
    rename("--master-machine-type", "--machine");
    rename("--master-image-uri", "--image");
    if (const auto value = taken("--master-accelerator")) {
      Accelerator accelerator = accelerator_of("--master-accelerator", *value);
      std::string text;
      if (accelerator.gpu == "K80") {
        text = "; K80s are no longer offered";
        accelerator.gpu = "T4";
      }
      add("--gpus", std::to_string(accelerator.count));
      add("--gpu-type", accelerator.gpu);
      note("--master-accelerator", "now --gpus " + std::to_string(accelerator.count) +
                                       " --gpu-type " + accelerator.gpu + text);
    }
    if (const auto value = taken("--worker-count")) {
      int count = 0;
      const char* const end = value->data() + value->size();
      const auto [last, error] = std::from_chars(value->data(), end, count);
      if (error != std::errc() || last != end || count < 0 || count > 4095) {
        throw Error(ErrorCode::kUsage, "--worker-count", "\"" + *value + "\" is not a number",
                    "use 0 to 4095");
      }
      add("--workers", std::to_string(count + 1));
      note("--worker-count",
           "the master and " + *value + " workers are --workers " + std::to_string(count + 1));
    }
    for (const char* flag : {"--scale-tier", "--tier"}) {
      if (const auto value = taken(flag)) add_tier(flag, *value);
    }
    if (old_ && !given("--on")) {
      add("--on", "vertex");
      result_.notes.push_back("AI Platform Training is now Vertex AI: --on vertex");
    }
  }

  void add_tier(const std::string& flag, const std::string& value) {
    const Tier& tier = tier_named(flag, value);
    note(flag + " " + std::string(tier.name), tier.note);
    if (tier.workers > 1 && !given("--workers")) add("--workers", std::to_string(tier.workers));
    if (tier.gpus > 0 && !given("--gpus")) add("--gpus", std::to_string(tier.gpus));
    if (tier.gpus > 0 && !given("--gpu-type")) add("--gpu-type", "T4");
  }

  // What follows "--": the arguments of the trainer were those of a module without commands.
  void add_command() {
    if (at_ >= words_.size()) return;
    result_.words.push_back(words_[at_++]);
    const bool old_trainer = old_ && at_ < words_.size() && words_[at_] != "train";
    if (old_trainer) result_.words.push_back("train");
    for (; at_ < words_.size(); ++at_) {
      const std::string& word = words_[at_];
      const auto output = std::find_if(kOutputs.begin(), kOutputs.end(), [&](const OldOutput& one) {
        return word == one.flag || word.starts_with(std::string(one.flag) + "=");
      });
      if (output == kOutputs.end()) {
        result_.words.push_back(word);
        continue;
      }
      value_of(word, output->flag);
      note(output->flag, output->why);
    }
  }

  std::span<const std::string> words_;
  std::size_t at_ = 0;
  bool old_ = false;
  std::map<std::string, std::string> values_;  // of flags that are translated
  Translated result_;
};

}  // namespace

Translated translate_ai_platform(std::span<const std::string> words) {
  return Translator(words).run();
}

}  // namespace oko::jobs
