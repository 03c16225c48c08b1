#pragma once

#include "media/stream_watch.hpp"
#include "protocol/model/executor.hpp"

#include <string>
#include <vector>

namespace troupe::media {

/// What is wrong with a file, a sentence each; the first twenty.
class findings {
public:
  void add(std::string what) {
    if (all_.size() < most)
      all_.push_back(std::move(what));
  }
  std::vector<std::string> take() {
    return std::move(all_);
  }

private:
  static constexpr size_t most = 20;
  std::vector<std::string> all_;
};

// Checks of a file against a verify request: the profile, and the source that it was made of.

/// Whether the output has a stream of that number because the source has an empty one.
bool kept_empty(const exec::request& request, uint32_t stream);

/// Kinds, numbers and codecs of the streams, the picture's size. `file` is the file's own probe.
void check_facts(const exec::request& request, const media_info& file, findings& out);
/// `seen`: where the last picture or sound ends, seconds.
void check_duration(const exec::request& request, const media_info& file, double seen, findings& out);

/// One stream of the file beside the stream of the source that it was made of.
struct stream_pair {
  const media_stream& made;
  const media_stream& source;
  const stream_watch& seen;
  bool copied = false;
  /// When it begins and ends in what was read of the source.
  exec::span read{};
};

/// Number of frames and distance of keyframes of a video that was seen from beginning to end.
void check_frames(const exec::request& request, const stream_pair& video, findings& out);
/// That a stream, seen from beginning to end, begins and ends when it does in the source: what is off here is picture
/// and sound out of step.
void check_edges(const exec::request& request, const stream_pair& stream, findings& out);

} // namespace troupe::media
