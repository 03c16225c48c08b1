#pragma once

#include "media/chunk_window.hpp"
#include "media/input.hpp"

#include <memory>

namespace troupe::media {

/// The packets that a chunk is decoded from, with timestamps on the film's clock. One thread.
class chunk_source {
public:
  /// Opens the file and goes to where decoding begins. Borrows all but `name_hint`. Errors: as input::open;
  /// unprocessable when the source is not the one that the chunk was planned for.
  static result<std::unique_ptr<chunk_source>> open(source_file file, const std::string& name_hint,
                                                    const media_chunk& chunk, const task& job);

  input& file() noexcept {
    return *file_;
  }
  /// Goes to where decoding begins; only this stream is read from now on. May open the file anew: what was taken from
  /// file() before is gone.
  result<void> start(unsigned stream);
  /// The next packet; false at the end of the file, also where the container is broken (see broken()).
  result<bool> next(AVPacket& packet);
  /// What stopped the reading before the end; empty: nothing did.
  const std::string& broken() const noexcept {
    return broken_;
  }
  const chunk_window& window() const noexcept {
    return window_;
  }

private:
  chunk_source(source_file file, std::string name_hint, const media_chunk& chunk, const task& job) :
    source_(file), name_hint_(std::move(name_hint)), chunk_(chunk), job_(job), window_(chunk) {
  }
  result<void> open_file();
  /// Seeks so many seconds before where decoding begins, and reads on to there.
  result<bool> approach(int64_t seconds);
  /// Reads on, from wherever the file stands, to where decoding begins.
  result<bool> reach();
  result<bool> read(AVPacket& packet);

  source_file source_;
  std::string name_hint_;
  const media_chunk& chunk_;
  const task& job_;
  std::unique_ptr<input> file_;
  unsigned stream_ = 0;
  chunk_window window_;
  // The packet with which decoding begins, until it is handed out.
  av::packet first_;
  std::string broken_;
};

} // namespace troupe::media
