#include "oko/formats/darknet/program.h"

#include <algorithm>
#include <string_view>

#include "oko/formats/darknet.h"

namespace oko::formats {
namespace {

constexpr graph::BatchNorm kOriginal{.epsilon = 1e-6F, .epsilon_outside_root = true};
constexpr graph::BatchNorm kLater{.epsilon = 1e-5F, .epsilon_outside_root = false};

// Keys that AlexeyAB's Darknet (59596d78) reads and the original (f6afaabc) does not, in any
// section. letter_box is not among them: oko writes it for both.
constexpr std::string_view kLaterKeys[] = {"adversarial_lr",
                                           "antialiasing",
                                           "assisted_excitation",
                                           "augment_speed",
                                           "badlabels_rejection_percentage",
                                           "beta_nms",
                                           "bin_output",
                                           "blur",
                                           "burnin_update",
                                           "cls_normalizer",
                                           "contrastive",
                                           "contrastive_color",
                                           "contrastive_jit_flip",
                                           "contrastive_neg_max",
                                           "coordconv",
                                           "counters_per_class",
                                           "cutmix",
                                           "delta_normalizer",
                                           "dets_for_show",
                                           "dets_for_track",
                                           "dilation",
                                           "dont_update",
                                           "dropblock",
                                           "dynamic_minibatch",
                                           "ema_alpha",
                                           "embedding_layer",
                                           "equidistant_point",
                                           "focal_loss",
                                           "gaussian_noise",
                                           "grad_centr",
                                           "group_id",
                                           "iou_loss",
                                           "iou_normalizer",
                                           "iou_thresh",
                                           "iou_thresh_kind",
                                           "label_smooth_eps",
                                           "learning_rate_min",
                                           "loss_scale",
                                           "max_chart_loss",
                                           "max_delta",
                                           "maxpool_depth",
                                           "maxpool_zero_nonmax",
                                           "mixup",
                                           "mosaic",
                                           "mosaic_bound",
                                           "new_coords",
                                           "nms_kind",
                                           "num_sigmas_reject_badlabels",
                                           "obj_normalizer",
                                           "objectness_smooth",
                                           "optimized_memory",
                                           "resize",
                                           "resize_step",
                                           "rotate",
                                           "scale_wh",
                                           "scale_x_y",
                                           "sequential_subdivisions",
                                           "sgdr_cycle",
                                           "sgdr_mult",
                                           "share_index",
                                           "show_details",
                                           "show_receptive_field",
                                           "sim_thresh",
                                           "stretch",
                                           "stretch_sway",
                                           "stride_x",
                                           "stride_y",
                                           "sway",
                                           "time_normalizer",
                                           "track",
                                           "track_ciou_norm",
                                           "track_history_size",
                                           "train_only_bn",
                                           "try_fix_nan",
                                           "uc_normalizer",
                                           "use_cuda_graph",
                                           "weights_normalization",
                                           "weights_reject_freq",
                                           "weights_type",
                                           "workspace_size_limit_MB"};
constexpr std::string_view kLaterActivations[] = {"mish", "swish", "relu6", "hard_mish"};
constexpr std::string_view kLaterSections[] = {"contrastive", "empty",          "local_avgpool",
                                               "reorg3d",     "scale_channels", "sam"};

std::string later_key(DarknetSection& section) {
  if (std::ranges::count(kLaterSections, section.kind()) > 0) {
    return section.place() + ": [" + section.name() + "]";
  }
  for (const std::string_view key : kLaterKeys) {
    if (section.has(key)) return section.place_of(key) + ": " + std::string(key);
  }
  const bool has_one = section.has("activation");
  const bool is_shortcut = section.kind() == "shortcut" && section.has("from");
  if (section.kind() == "route" && section.has("groups")) {
    return section.place_of("groups") + ": groups";
  }
  if (has_one && std::ranges::count(kLaterActivations, section.peek("activation")) > 0) {
    return section.place_of("activation") + ": activation=" + section.peek("activation");
  }
  if (is_shortcut && section.peek("from").find(',') != std::string::npos) {
    return section.place_of("from") + ": from=" + section.peek("from");
  }
  return {};
}

}  // namespace

graph::BatchNorm DarknetProgram::batch_norm() const { return key.empty() ? kOriginal : kLater; }

image::Preprocess::Fit DarknetProgram::fit() const {
  return is_letterboxed ? image::Preprocess::Fit::kLetterbox : image::Preprocess::Fit::kStretch;
}

std::string DarknetProgram::decision() const {
  const std::string does = is_letterboxed ? "images are letterboxed" : "images are stretched";
  const std::string overrule =
      is_letterboxed ? "(to change that: letter_box=0 in [net], or import --stretch)"
                     : "(to change that: letter_box=1 in [net], or import --letterbox)";
  const std::string norm = key.empty() ? "sqrt(variance) + 1e-6" : "sqrt(variance + 1e-5)";
  const std::string who = key.empty() ? "no key is newer than the original Darknet, so"
                                      : key + (key.ends_with(']') ? " is a layer" : " is a key") +
                                            " of AlexeyAB's Darknet, so";
  if (!letter_box.empty()) {
    return letter_box + ": " + does + " " + overrule + "; " + who + " batch norm divides by " +
           norm;
  }
  return who + " " + does + " " + overrule + " and batch norm divides by " + norm;
}

DarknetProgram program_of(std::vector<DarknetSection>& sections) {
  DarknetProgram program;
  for (DarknetSection& section : sections) {
    if (program.key.empty()) program.key = later_key(section);
  }
  program.is_letterboxed = program.key.empty();
  DarknetSection& net = sections.front();
  if (net.has("letter_box")) {
    program.is_letterboxed = net.integer("letter_box") != 0;
    program.letter_box = net.place_of("letter_box") + ": letter_box=" + net.text("letter_box");
  }
  return program;
}

void as_original_darknet(graph::Network& network) {
  network.preprocess.fit = image::Preprocess::Fit::kLetterbox;
  network.diou_exponent = 0;
  for (graph::Layer& layer : network.layers) {
    auto* convolution = std::get_if<graph::Convolution>(&layer.operation);
    if (convolution != nullptr && convolution->batch_norm) convolution->batch_norm = kOriginal;
  }
}

}  // namespace oko::formats
