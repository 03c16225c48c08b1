#pragma once

// Films made whole and in chunks, for comparing the two.

#include "protocol/model/executor.hpp"
#include "tests/unit/media/samples.hpp"

#include <string>
#include <vector>

namespace media_test {

/// A request for this profile; small pictures make quick tests.
troupe::exec::request chunk_request(const std::string& source, const troupe::media_profile& profile);

/// What a cluster does with one film, on one machine. Throws with the message of the first error.
struct chunked_film {
  troupe::exec::plan_chunks_answer plan;
  std::vector<troupe::chunk_piece> pieces;
  std::vector<std::string> piece_paths;
  /// Empty: the source has nothing beside its video.
  std::string audio_path;
  /// Streams of the source of which no sound came.
  std::vector<uint32_t> empty;
  troupe::exec::transcode_answer joined;
  std::string path;
};

/// Plans and encodes `count` chunks, as far as there are keyframes for it.
chunked_film encode_pieces(const troupe::exec::request& request, const std::string& source, uint32_t count);
/// Joins its pieces into a file of that name.
troupe::result<troupe::exec::transcode_answer> join_pieces(const chunked_film& film,
                                                           const troupe::exec::request& request,
                                                           const std::string& source, const std::string& name);
/// Both.
chunked_film make_chunked(const troupe::exec::request& request, const std::string& source, uint32_t count,
                          const std::string& name);
/// A transcode of the whole; its answer.
troupe::exec::transcode_answer make_whole(const troupe::exec::request& request, const std::string& source,
                                          const std::string& name);

/// What ffprobe and ffmpeg see of a film.
struct seen_film {
  /// When each frame of the video is shown, and when each packet of the first sound is, in microseconds.
  std::vector<int64_t> frames;
  std::vector<int64_t> sound;
  /// Decoding times of each stream rise and are never after the times of showing.
  bool in_order = true;
  /// Of the decoded sound.
  std::string sound_hash;
};
seen_film look_at(const std::string& path);
/// Structural similarity of the frames of two films, one by one.
double ssim(const std::string& a, const std::string& b);
/// The same of the two frames that are least alike.
double worst_ssim(const std::string& a, const std::string& b);

} // namespace media_test
