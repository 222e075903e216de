#include "expectation.h"

#include <ATen/Parallel.h>

#include "expectation-rows.h"

namespace bridge {

at::Tensor expectation(const at::Tensor& logits) {
  TORCH_CHECK(logits.dim() > 0, "expectation takes [..., bins]");
  TORCH_CHECK(!at::GradMode::is_enabled() || !logits.requires_grad(), "expectation has no gradient");
  static const ExpectRows expectRows = avx512ExpectRows();
  const int64_t bins = logits.size(-1);
  if (!expectRows || !logits.is_cpu() || logits.scalar_type() != at::kFloat || bins > mostBins) {
    return logits.softmax(-1).matmul(at::arange(bins, logits.options()));
  }
  const at::Tensor input = logits.contiguous();
  at::Tensor result = at::empty(logits.sizes().slice(0, logits.dim() - 1), logits.options().memory_format(c10::nullopt));
  constexpr int64_t grain = 4096;
  at::parallel_for(0, result.numel(), grain, [&](int64_t from, int64_t to) {
    expectRows(input.data_ptr<float>() + from * bins, result.data_ptr<float>() + from, to - from, bins);
  });
  return result;
}

}  // namespace bridge
