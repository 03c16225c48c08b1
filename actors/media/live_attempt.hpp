#pragma once

#include "actors/media/runner.hpp"

#include <atomic>
#include <mutex>

namespace troupe::work {

/// An attempt on its own thread, between the pool, the http client and the sink. stop() may come from any thread.
class live_attempt final : public attempt {
public:
  live_attempt(assignment what, const runner_config& config);

  const assignment& what() const noexcept override {
    return what_;
  }
  bool stopped() const noexcept override {
    return stopped_;
  }
  void progress(job_progress x) override;
  void waits(const std::string& for_what) override;
  executor_answer run(exec::request request, std::vector<operation_file> files,
                      std::function<void(const exec::progress&)> told, output_maker create) override;
  result<ports::http_response> download(ports::http_download what,
                                        std::function<void(const ports::transfer_progress&)> told) override;

  result<void> transfer(const transfer_start& start) override;

  /// Ends what it waits for: the executor is killed, the transfer cancelled.
  void stop();

private:
  void supply_source(executor_operation& asked, std::shared_ptr<byte_supply> supply);

  assignment what_;
  executor_pool pool_;
  std::shared_ptr<ports::http_client> http_;
  mesh::progress_sink sink_;
  std::atomic<bool> stopped_{false};
  std::mutex mutex_;
  /// The operation or transfer that it is waiting for.
  uint64_t operation_ = 0;
  std::shared_ptr<ports::transfer> transfer_;
  std::mutex progress_mutex_;
  /// As it was told last, but for what it waits for.
  job_progress progress_;
};

} // namespace troupe::work
