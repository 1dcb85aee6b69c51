#pragma once

// Every LibTorch header this folder uses: precompiled once, since parsing them takes many seconds.
// Nothing outside this folder's .cpp files and private headers includes it.
#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/version.h>
