#pragma once

#include "media/film_length.hpp"
#include "media/progress_meter.hpp"
#include "media/stream_watch.hpp"
#include "media/timeline.hpp"
#include "media/tracks.hpp"

#include <memory>
#include <string>
#include <vector>

namespace troupe::media {

/// Reads a source to its end and drives its tracks: demux, decode, filter, encode and mux overlap, each on threads of
/// its own, while the operation's own thread watches over them and reports progress.
class track_runner {
public:
  /// `duration`: of the film, seconds. `from`: the part of the whole operation that is done already.
  track_runner(input& source, const task& job, double duration, double from);

  /// Streams that no track was added for are not read.
  void add(const planned_track& plan, std::unique_ptr<track> made);
  /// Written to by the tracks; the header is written by then. Borrowed.
  void add(packet_writer& output) {
    outputs_.push_back(&output);
  }

  /// The same for one that may be far behind the others: subtitles come when somebody speaks.
  void add_aside(packet_writer& output) {
    aside_.push_back(&output);
  }

  /// Ends when all is read and written, or with the first error. bad_media when the source is too damaged for the
  /// result to be worth keeping, or was cut off; io, storage_full, cancelled, unavailable.
  result<void> run();
  /// The last report of progress.
  void finish();

  /// Frames of the video, or of the first sound when there is none.
  int64_t frames() const;
  /// How long the film was found to be where what its container announces is not to be trusted; else 0. After run.
  double film_seconds() const;
  /// When each track begins and ends in the source, in the order in which they were added. After run.
  std::vector<exec::span> spans() const;
  /// The tracks of which nothing came, as places in the order in which they were added. After run.
  std::vector<size_t> unseen() const;
  /// Since the start.
  double seconds() const {
    return meter_.seconds();
  }
  /// Damage that was borne. After run.
  const std::vector<std::string>& warnings() const noexcept {
    return warnings_;
  }

private:
  struct entry {
    unsigned stream = 0;
    track_way way = track_way::copy;
    std::unique_ptr<track> made;
    stream_watch seen;
  };

  result<void> work();
  result<void> read();
  result<void> pump();
  result<void> take(AVPacket& packet);
  result<void> judge();
  result<void> judge_damage(const entry& e);
  result<void> judge_order(const entry& e);
  film_length length() const {
    return {duration_, read_, timeline_.jumped()};
  }
  AVMediaType type_of(const entry& e) const;
  double position() const;
  int64_t bytes() const;

  input& source_;
  double duration_;
  progress_meter meter_;
  std::vector<packet_writer*> outputs_;
  std::vector<packet_writer*> aside_;
  std::vector<entry> tracks_;
  /// Places in tracks_ by the source's streams; -1: not read.
  std::vector<int> by_stream_;
  // The reading thread's until it has ended.
  timeline timeline_;
  /// How far the source was read, seconds.
  double read_ = 0;
  std::vector<std::string> warnings_;
};

} // namespace troupe::media
