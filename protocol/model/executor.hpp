#pragma once

// The framed protocol between a worker and its troupe-executor, over an inherited stream socket pair (descriptor 3).
//
//   frame  = header (16 bytes, native byte order: both ends are one machine) + body (JSON text, UTF-8)
//   header = u32 body length, u16 type, u16 number of descriptors that came with the frame, u64 operation
//
// Descriptors travel by SCM_RIGHTS with the frame's first byte. The executor never opens a media path: `request.fds`
// names what it may touch by position. One operation runs at a time; requests sent ahead wait in the socket.

#include "protocol/model/chunks.hpp"
#include "protocol/model/media.hpp"
#include "protocol/model/result.hpp"

#include <span>

namespace troupe::exec {

enum class frame_type : uint16_t {
  // worker → executor
  request = 1,
  /// Stop the named operation; answered by `failed` with errc::cancelled.
  cancel = 2,
  /// Finish and exit with status 0.
  shutdown = 3,
  // executor → worker
  /// Sent once after start, when it can take requests: body {"version","encoders":[…]}.
  ready = 16,
  /// Body: progress. At most 10 a second.
  progress = 17,
  /// Body: {"line"}: one line of the log tail.
  log = 18,
  /// Body: the operation's answer.
  done = 19,
  /// Body: {"code","class","message"}.
  failed = 20,
};

struct frame_header {
  uint32_t length = 0;
  uint16_t type = 0;
  uint16_t descriptors = 0;
  uint64_t operation = 0;
};
static_assert(sizeof(frame_header) == 16);

/// A longer body is a broken protocol, and the receiver closes.
inline constexpr uint32_t max_body_bytes = 4 * 1024 * 1024;
/// A join of max_chunks pieces with its source, output and audio; the kernel's own limit is 253 (SCM_MAX_FD).
inline constexpr uint16_t max_descriptors = max_chunks + 3;
/// The inherited socket in the executor.
inline constexpr int channel_descriptor = 3;
inline constexpr uint32_t protocol_version = 1;

struct frame {
  frame_type type = frame_type::request;
  uint64_t operation = 0;
  std::string body;
};

enum class op : uint8_t {
  probe,
  thumbnail,
  transcode,
  verify,
  hls,
  plan_chunks,
  encode_chunk,
  encode_audio,
  join
};

/// One request for all operations: the fields that an operation does not name are not looked at.
/// Descriptors: probe, verify, hls, plan_chunks: source. thumbnail: source, one output for each width. transcode,
/// encode_audio: source, output. encode_chunk: source, piece. join: source, output, audio if `has_audio`, pieces.
struct request {
  exec::op op = op::probe;
  /// The extension of the source's name, lower case without the dot: a hint for formats with no signature.
  std::string name_hint;
  // thumbnail: JPEG pictures of these widths, never upscaled.
  std::vector<uint32_t> widths;
  // transcode
  media_profile profile;
  // transcode, verify: what the source is (a probe's answer).
  media_info source;
  // verify: the profile that `source` was transcoded to; the output's streams that are copies (transcode_answer), which
  // may be as damaged as their source; decode everything, or samples.
  std::vector<uint32_t> copied;
  bool full = true;
  /// Frames that the video has to have (a transcode_answer's); 0: not known.
  int64_t frames = 0;
  // plan_chunks
  chunk_wishes wishes;
  // encode_chunk
  media_chunk chunk;
  // join: the answers of all encode_chunk, in the order of the film; whether there is a piece by encode_audio.
  std::vector<chunk_piece> pieces;
  bool has_audio = false;
  /// Tests only, refused unless the executor was started with --test-faults: "abort", "hang", "bloat".
  std::string fault;
};

struct progress {
  double fraction = 0;
  /// Times real time.
  double speed = 0;
  int64_t eta_ms = -1;
  int64_t frames = 0;
  int64_t out_ms = 0;
  int64_t bytes = 0;
  /// Of the whole output, from what is written so far; 0: not known yet.
  int64_t estimated_bytes = 0;
};

struct thumbnail_answer {
  struct picture {
    uint32_t width = 0;
    uint32_t height = 0;
    uint64_t bytes = 0;
  };
  /// In the order of the request's widths.
  std::vector<picture> pictures;
  /// Where in the film the frame is, seconds; -1 for an attached picture.
  double position = 0;
};

/// Of transcode, encode_audio and join.
struct transcode_answer {
  /// Probe of the output.
  media_info output;
  int64_t frames = 0;
  double seconds = 0;
  /// Streams of the output that were taken as they are.
  std::vector<uint32_t> copied;
  /// The same operation as an ffmpeg command line, for the attempt's record.
  std::string operation;
  std::vector<std::string> warnings;
};

struct hls_answer {
  struct file {
    std::string name;
    uint64_t bytes = 0;
  };
  struct variant {
    uint32_t width = 0;
    uint32_t height = 0;
    /// Bits a second at the peak, with sound.
    int64_t bandwidth = 0;
  };
  /// All that was asked for with `create`; master.m3u8 names the others.
  std::vector<file> files;
  /// Best first.
  std::vector<variant> variants;
  double duration = 0;
  int64_t frames = 0;
  double seconds = 0;
  std::string operation;
  std::vector<std::string> warnings;
};

struct plan_chunks_answer {
  /// None when the film can't be cut; then `reason` says why, and it is to be transcoded whole.
  std::vector<media_chunk> chunks;
  std::string reason;
};

struct encode_chunk_answer {
  chunk_piece piece;
  double seconds = 0;
  /// The same operation as an ffmpeg command line, but for the edges.
  std::string operation;
  std::vector<std::string> warnings;
};

struct verify_answer {
  bool ok = false;
  /// Why not, a sentence each.
  std::vector<std::string> reasons;
  int64_t frames = 0;
  double duration = 0;
};

struct failure {
  errc code = errc::internal;
  error_class cls = error_class::permanent;
  std::string message;
};

/// The name in a request's JSON ("probe").
std::string_view to_string(op what) noexcept;
std::string encode(const request& x);
result<request> decode_request(std::string_view json);
std::string encode(const progress& x);
result<progress> decode_progress(std::string_view json);
std::string encode(const thumbnail_answer& x);
result<thumbnail_answer> decode_thumbnail_answer(std::string_view json);
std::string encode(const transcode_answer& x);
result<transcode_answer> decode_transcode_answer(std::string_view json);
std::string encode(const hls_answer& x);
result<hls_answer> decode_hls_answer(std::string_view json);
std::string encode(const plan_chunks_answer& x);
result<plan_chunks_answer> decode_plan_chunks_answer(std::string_view json);
std::string encode(const encode_chunk_answer& x);
result<encode_chunk_answer> decode_encode_chunk_answer(std::string_view json);
std::string encode(const verify_answer& x);
result<verify_answer> decode_verify_answer(std::string_view json);
std::string encode(const failure& x);
result<failure> decode_failure(std::string_view json);

} // namespace troupe::exec
