#pragma once

#include "oko/cli/cli.h"
#include "oko/cli/job_command.h"
#include "oko/jobs/backend.h"
#include "oko/jobs/spec.h"

namespace oko::cli {

// What submit is about to do: the training's command, what is copied, the limits and the price.
void say_plan(const jobs::Spec& spec, const Context& context);

// What it will take on rented machines, before the first of them starts; nothing if their price is
// unknown.
void say_estimate(const TrainCommand& train, const jobs::Spec& spec, const jobs::Backend& backend,
                  const Context& context);

}  // namespace oko::cli
