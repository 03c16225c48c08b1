#pragma once

// A source that is only partly here, and the worker that fills its holes from the whole file.

#include "media/fd.hpp"
#include "protocol/model/executor.hpp"
#include "tests/unit/media/executor_client.hpp"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace media_test {

/// A file of the size of another whose bytes are wrong until they are filled in.
class holed_source {
public:
  explicit holed_source(const std::string& whole);

  /// For reading only.
  int fd() const noexcept {
    return reading_.get();
  }
  uint64_t size() const noexcept {
    return size_;
  }
  /// Copies [offset, offset + length) of the whole file.
  void fill(uint64_t offset, uint64_t length);
  /// Bytes that were filled in, each counted once.
  uint64_t filled() const noexcept;

private:
  troupe::media::owned_fd whole_;
  troupe::media::owned_fd writing_;
  troupe::media::owned_fd reading_;
  uint64_t size_ = 0;
  /// begin → end
  std::map<uint64_t, uint64_t> there_;
};

/// How an operation on a holed source ended.
struct holed_outcome {
  troupe::exec::frame answer;
  std::vector<troupe::exec::need_request> needs;
  /// What it announced, in the order in which it did.
  std::vector<troupe::byte_span> coming;
  /// Needs after the first announcement that were not announced before.
  size_t surprises = 0;
  /// Files that it asked for, by name, and where they are.
  std::map<std::string, std::string> files;

  bool done() const noexcept {
    return answer.type == troupe::exec::frame_type::done;
  }
};

/// Answers a need, at once or later; by default fills what is asked for and says so.
using need_answerer =
  std::function<void(executor_client&, uint64_t operation, holed_source&, const troupe::exec::need_request&)>;
/// Fills [need.offset, need.offset + length) and says that it is there; by default as much as was asked for.
void answer_need(executor_client& e, uint64_t operation, holed_source& source, const troupe::exec::need_request& need,
                 uint64_t length = 0);

/// Sends the request and serves it until it is answered. `outputs` follow the source.
holed_outcome run_holed(executor_client& e, uint64_t operation, troupe::exec::request request, holed_source& source,
                        const std::vector<int>& outputs = {}, const need_answerer& answer = {});
/// The same operation on the file itself.
holed_outcome run_plain(executor_client& e, uint64_t operation, const troupe::exec::request& request,
                        const std::string& path, const std::vector<int>& outputs = {});

} // namespace media_test
