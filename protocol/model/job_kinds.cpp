#include "protocol/model/job_kinds.hpp"

#include <array>

namespace troupe {

namespace {

using namespace std::chrono_literals;

constexpr std::array kinds{
  job_kind{"ingest", "metadata", true, 5, 3, 2s, 5min, true, 10, 50, true, 5s, {500, 256, 0}},
  job_kind{"scan", "default", false, 4, 3, 2s, 5min, true, 10, 50, true, 30s, {250, 256, 0}},
  job_kind{"transcode", "video", true, 6, 3, 2s, 5min, true, 10, 50, false, 5min, {2000, 1536, 0}, "encode_chunk"},
  // Parts of a transcode that is made on several nodes.
  job_kind{"encode_chunk", "video", true, 6, 3, 2s, 5min, true, 10, 50, false, 60s, {2000, 1024, 0}, {}, "transcode"},
  job_kind{"encode_audio", "video", true, 6, 3, 2s, 5min, true, 10, 50, false, 30s, {1000, 256, 0}, {}, "transcode"},
  job_kind{"hls", "video", true, 6, 3, 2s, 5min, true, 10, 50, false, 5min, {2000, 1536, 0}},
  // Nobody waits for them: after everything else that wants an executor.
  job_kind{"storyboard", "images", true, 8, 3, 2s, 5min, true, 10, 50, false, 30s, {1000, 512, 0}},
  job_kind{"download", "downloads", false, 5, 3, 3s, 5min, true, 100, 500, false, 60s, {250, 128, 0}},
  job_kind{"bulk_download", "default", false, 5, 3, 3s, 5min, true, 100, 500, true, 1s, {}},
  job_kind{"scheduled_scan", "default", false, 7, 3, 2s, 5min, true, 10, 50, false, 1s, {}},
  job_kind{"scheduled_cleanup", "default", false, 8, 3, 2s, 5min, true, 10, 50, false, 30s, {}},
  job_kind{"status_check", "default", false, 7, 2, 5s, 5s, false, 10, 50, true, 1s, {}},
  // Does nothing and succeeds at once: what the queue itself costs (bench/queue), and `troupe doctor`'s round trip.
  job_kind{"noop", "default", false, 5, 3, 2s, 5min, true, 10, 50, true, 0s, {}},
};

constexpr std::array<std::string_view, 5> queues{"video", "downloads", "metadata", "images", "default"};

} // namespace

std::span<const job_kind> job_kinds() noexcept {
  return kinds;
}

const job_kind* find_job_kind(std::string_view name) noexcept {
  for (auto& k : kinds)
    if (k.name == name)
      return &k;
  return nullptr;
}

std::span<const std::string_view> queue_names() noexcept {
  return queues;
}

} // namespace troupe
