// CUDA graphs: what operators ask of a GPU is recorded once, then asked for as a whole. A training step of a small model is thousands of
// kernels of a few microseconds each, which no processor can launch one by one as fast as they run. The build defines YOLOV9_CUDA
// where CUDA's headers were found.
#include "cuda-graph.h"

#if defined(YOLOV9_CUDA)
#include <ATen/ATen.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAStream.h>

#include <memory>
#endif

namespace bridge {

#if defined(YOLOV9_CUDA)

namespace {

using at::cuda::CUDAGraph;

/// What is being recorded; null between recordings.
std::unique_ptr<CUDAGraph>& recording() {
  static std::unique_ptr<CUDAGraph> graph;
  return graph;
}

/// Nothing can be recorded on the default stream. From the first recording on this thread works on another one.
void leaveDefaultStream() {
  if (c10::cuda::getCurrentCUDAStream() != c10::cuda::getDefaultCUDAStream()) return;
  c10::cuda::device_synchronize();
  c10::cuda::setCurrentCUDAStream(c10::cuda::getStreamFromPool());
}

/// Graphs that exist.
int64_t& liveGraphs() {
  static int64_t count = 0;
  return count;
}

/// Graphs share their memory: one runs at a time, and nothing inside is needed when it is over. A pool ends with its last graph.
auto sharedPool() {
  static auto pool = at::cuda::graph_pool_handle();
  if (liveGraphs() == 0) pool = at::cuda::graph_pool_handle();
  return pool;
}

napi_value beginRecording(napi_env env, const Arguments&) {
  if (recording()) throw std::logic_error("a graph is being recorded already");
  leaveDefaultStream();
  c10::cuda::device_synchronize();
  c10::cuda::CUDACachingAllocator::emptyCache();
  recording() = std::make_unique<CUDAGraph>();
  try {
    recording()->capture_begin(sharedPool());
  } catch (...) {
    recording().reset();
    throw;
  }
  return undefined(env);
}

/// A graph as JavaScript holds it.
struct OwnedGraph : External<OwnedGraph> {
  static constexpr uint64_t magic = 0x594f4c4f76394752;
  std::unique_ptr<CUDAGraph> graph;

  void forget() {
    if (!graph) return;
    graph.reset();
    --liveGraphs();
  }
  ~OwnedGraph() { forget(); }
};

/// endRecording() → the graph
napi_value endRecording(napi_env env, const Arguments&) {
  if (!recording()) throw std::logic_error("no graph is being recorded");
  std::unique_ptr<CUDAGraph> graph = std::move(recording());
  graph->capture_end();
  ++liveGraphs();
  auto* owned = new OwnedGraph;
  owned->graph = std::move(graph);
  return toExternal(env, owned);
}

/// Ends a recording in which something failed.
napi_value abandonRecording(napi_env env, const Arguments&) {
  std::unique_ptr<CUDAGraph> graph = std::move(recording());
  if (!graph) return undefined(env);
  try {
    graph->capture_end();
  } catch (const std::exception&) {
    // a recording that was invalidated is ended by the attempt
  }
  return undefined(env);
}

OwnedGraph& graphOf(napi_env env, napi_value value) {
  auto* owned = externalOf<OwnedGraph>(env, value);
  if (!owned) throw std::invalid_argument("expected a graph");
  return *owned;
}

napi_value replayGraph(napi_env env, const Arguments& arguments) {
  const auto& graph = graphOf(env, arguments[0]).graph;
  if (!graph) throw std::invalid_argument("the graph was already disposed");
  graph->replay();
  return undefined(env);
}

napi_value disposeGraph(napi_env env, const Arguments& arguments) {
  OwnedGraph& owned = graphOf(env, arguments[0]);
  c10::cuda::device_synchronize();
  owned.forget();
  return undefined(env);
}

}  // namespace

bool hasCudaGraphs() { return at::hasCUDA(); }

void defineCudaGraphs(napi_env env, napi_value exports) {
  define<beginRecording>(env, exports, "beginRecording");
  define<endRecording>(env, exports, "endRecording");
  define<abandonRecording>(env, exports, "abandonRecording");
  define<replayGraph>(env, exports, "replayGraph");
  define<disposeGraph>(env, exports, "disposeGraph");
}

#else

bool hasCudaGraphs() { return false; }

void defineCudaGraphs(napi_env, napi_value) {}

#endif

}  // namespace bridge
