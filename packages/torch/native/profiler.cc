// How long each kind of operator takes: libtorch reports the beginning and end of every operator and of every node of a
// backward pass; the time of an operator that it spends in others is theirs.
#include "profiler.h"

#include <ATen/record_function.h>

#include <chrono>
#include <map>
#include <mutex>
#include <vector>

namespace bridge {

namespace {

using Clock = std::chrono::steady_clock;

struct Total {
  int64_t calls = 0;
  double milliseconds = 0;
};

std::mutex totalsMutex;
std::map<std::string, Total> totals;
at::CallbackHandle callback = 0;

struct Frame {
  Clock::time_point start;
  double inOthers = 0;
};
thread_local std::vector<Frame> frames;

std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction&) {
  frames.push_back({Clock::now()});
  return nullptr;
}

void end(const at::RecordFunction& function, at::ObserverContext*) {
  if (frames.empty()) return;  // it began before the profile did
  const double elapsed = std::chrono::duration<double, std::milli>(Clock::now() - frames.back().start).count();
  const double own = elapsed - frames.back().inOthers;
  frames.pop_back();
  if (!frames.empty()) frames.back().inOthers += elapsed;
  const std::lock_guard<std::mutex> lock(totalsMutex);
  Total& total = totals[function.name()];
  ++total.calls;
  total.milliseconds += own;
}

napi_value startProfile(napi_env env, const Arguments&) {
  if (callback != 0) throw std::logic_error("operators are being timed already");
  {
    const std::lock_guard<std::mutex> lock(totalsMutex);
    totals.clear();
  }
  frames.clear();
  callback = at::addGlobalCallback(
      at::RecordFunctionCallback(begin, end).scopes({at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION}));
  return undefined(env);
}

/// stopProfile() → [{name, calls, milliseconds}]
napi_value stopProfile(napi_env env, const Arguments&) {
  if (callback == 0) throw std::logic_error("no operators are being timed");
  at::removeCallback(callback);
  callback = 0;
  const std::lock_guard<std::mutex> lock(totalsMutex);
  napi_value array;
  check(env, napi_create_array_with_length(env, totals.size(), &array));
  uint32_t index = 0;
  for (const auto& [name, total] : totals) {
    napi_value row;
    check(env, napi_create_object(env, &row));
    setProperty(env, row, "name", fromString(env, name));
    setProperty(env, row, "calls", fromDouble(env, static_cast<double>(total.calls)));
    setProperty(env, row, "milliseconds", fromDouble(env, total.milliseconds));
    check(env, napi_set_element(env, array, index++, row));
  }
  return array;
}

}  // namespace

void defineProfiler(napi_env env, napi_value exports) {
  define<startProfile>(env, exports, "startProfile");
  define<stopProfile>(env, exports, "stopProfile");
}

}  // namespace bridge
