// Activations that are not a Clamp, compiled once for each target.
#include "oko/runtime/gemm-inl.h"

#if defined(OKO_RUNTIME_ACTIVATIONS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef OKO_RUNTIME_ACTIVATIONS_INL_H_
#undef OKO_RUNTIME_ACTIVATIONS_INL_H_
#else
#define OKO_RUNTIME_ACTIVATIONS_INL_H_
#endif

#include "hwy/contrib/math/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace oko::runtime::HWY_NAMESPACE {
#if HWY_TARGET != HWY_SCALAR

template <typename Function>
HWY_INLINE void transform(float* values, std::size_t count, const Function& function) {
  for (std::size_t i = 0; i < count; i += kLanes) {
    const V value = function(hn::LoadU(D(), values + i));
    store_part(value, values + i, static_cast<int>(HWY_MIN(count - i, std::size_t{kLanes})));
  }
}

// Exp() is not defined above 104, where it is infinite.
HWY_INLINE V sigmoid(V x) {
  const V one = hn::Set(D(), 1.F);
  const V least = hn::Min(hn::Neg(x), hn::Set(D(), 104.F));
  return hn::Div(one, hn::Add(one, hn::Exp(D(), least)));
}

HWY_INLINE V hard_sigmoid(V x) {
  const V moved = hn::MulAdd(x, hn::Set(D(), 1.F / 6), hn::Set(D(), .5F));
  return hn::Min(hn::Max(moved, hn::Zero(D())), hn::Set(D(), 1.F));
}

// x · tanh(ln(1 + e)) with e = exp(x) is x · n / (n + 2) with n = e · (e + 2); above 20 it is x.
HWY_INLINE V mish(V x) {
  const V two = hn::Set(D(), 2.F);
  const V e = hn::Exp(D(), hn::Min(x, hn::Set(D(), 20.F)));
  const V n = hn::Mul(e, hn::Add(e, two));
  return hn::Mul(x, hn::Div(n, hn::Add(n, two)));
}

HWY_INLINE V elu(V x) {
  return hn::IfThenElse(hn::Gt(x, hn::Zero(D())), x, hn::Expm1(D(), hn::Min(x, hn::Zero(D()))));
}

inline void activate(graph::Activation activation, float* values, std::size_t count) {
  using graph::Activation;
  switch (activation) {
    case Activation::kLogistic:
      return transform(values, count, [](V x) HWY_ATTR { return sigmoid(x); });
    case Activation::kSwish:
      return transform(values, count, [](V x) HWY_ATTR { return hn::Mul(x, sigmoid(x)); });
    case Activation::kMish:
      return transform(values, count, [](V x) HWY_ATTR { return mish(x); });
    case Activation::kHardSigmoid:
      return transform(values, count, [](V x) HWY_ATTR { return hard_sigmoid(x); });
    case Activation::kHardSwish:
      return transform(values, count, [](V x) HWY_ATTR { return hn::Mul(x, hard_sigmoid(x)); });
    case Activation::kElu:
      return transform(values, count, [](V x) HWY_ATTR { return elu(x); });
    case Activation::kTanh:
      return transform(values, count, [](V x) HWY_ATTR { return hn::Tanh(D(), x); });
    case Activation::kLinear:
    case Activation::kLeaky:
    case Activation::kRelu:
    case Activation::kRelu6:
      return;  // clamps, applied by the other kernels
  }
}

#endif  // HWY_TARGET != HWY_SCALAR
}  // namespace oko::runtime::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
