#pragma once

// The framed protocol between a worker and its troupe-executor, over an inherited stream socket pair (descriptor 3).
//
//   frame  = header (16 bytes, native byte order: both ends are one machine) + body (JSON text, UTF-8)
//   header = u32 body length, u16 type, u16 number of descriptors that came with the frame, u64 operation
//
// Descriptors travel by SCM_RIGHTS with the frame's first byte. The executor never opens a media path: `request.fds`
// names what it may touch by position. One operation runs at a time; requests sent ahead wait in the socket.
// Outputs whose number is not known before (segments, sprite sheets) are asked for with `open` while it runs.
//
// A source may be only partly here (`request.ranged`): its descriptor is a file of the right size with holes. The
// executor reads no byte that it was not told is there: it asks with `need`, and the worker fills the hole and says
// `have`. No byte of media passes through a frame. Where it knows what it is going to read it says so with `coming`.

#include "protocol/model/byte_spans.hpp"
#include "protocol/model/chunks.hpp"
#include "protocol/model/media.hpp"
#include "protocol/model/result.hpp"

#include <optional>
#include <span>

namespace troupe::exec {

enum class frame_type : uint16_t {
  // worker → executor
  request = 1,
  /// Stop the named operation; answered by `failed` with errc::cancelled.
  cancel = 2,
  /// Finish and exit with status 0.
  shutdown = 3,
  /// Answers an `open`: body open_answer, with one descriptor unless it is a refusal.
  opened = 4,
  /// Answers a `need`: body have_answer.
  have = 5,
  // executor → worker
  /// Sent after start, when it can take requests, and again when an encoder was withdrawn: body readiness.
  ready = 16,
  /// Body: progress. At most 10 a second.
  progress = 17,
  /// Body: {"line"}: one line of the log tail.
  log = 18,
  /// Body: the operation's answer.
  done = 19,
  /// Body: {"code","class","message"}.
  failed = 20,
  /// Asks for one more output of the operation: body open_request; answered by `opened`. Several may be under way.
  open = 21,
  /// Asks for bytes of a ranged source: body need_request; answered by `have`. Several may be under way.
  need = 22,
  /// Which bytes of a ranged source are going to be read: body coming_notice. A hint, without an answer.
  coming = 23,
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
inline constexpr uint32_t protocol_version = 4;
/// Further outputs of one operation, and the length of their names.
inline constexpr size_t max_outputs = 10'000;
inline constexpr size_t max_output_name = 64;
/// `need`s of one operation that may be under way: it has hardly more threads that read.
inline constexpr size_t max_needs = 16;
/// Spans of one `coming`.
inline constexpr size_t max_coming = 4096;

/// Exit status of an executor that was told to have every layer of the sandbox and can't.
inline constexpr int exit_no_sandbox = 5;

struct frame {
  frame_type type = frame_type::request;
  uint64_t operation = 0;
  std::string body;
};

/// What keeps an executor from anything but its descriptors, by what the kernel offers.
struct sandbox_layers {
  /// The filter of system calls.
  bool seccomp = false;
  /// The version of Landlock, 0 for none.
  uint32_t landlock = 0;

  bool operator==(const sandbox_layers&) const = default;
};

/// Layers that are not there, for people ("Landlock (Linux 5.13, ...)"); empty when nothing is missing.
std::string missing_layers(const sandbox_layers& x);

struct readiness {
  uint32_t version = protocol_version;
  /// libav's names of the encoders that passed a test.
  std::vector<std::string> encoders;
  sandbox_layers sandbox;
  /// The libraries that run, like "libavcodec 59.37.100".
  std::string libraries;
};

enum class op : uint8_t {
  probe,
  thumbnail,
  transcode,
  verify,
  hls,
  storyboard,
  plan_chunks,
  encode_chunk,
  encode_audio,
  join
};

enum class picture_format : uint8_t { jpeg, webp };

/// One picture of a thumbnail operation.
struct picture_request {
  /// At most; never upscaled.
  uint32_t width = 320;
  picture_format format = picture_format::jpeg;

  bool operator==(const picture_request&) const = default;
};

/// Sprite sheets of a film for a player's seek bar. The defaults are Jellyfin's.
struct storyboard_request {
  /// A wider sheet is more than every browser shows.
  static constexpr uint32_t max_sheet_width = 16'384;

  /// Of a tile, 16 to 1024; made even, never upscaled.
  uint32_t width = 320;
  /// Tiles of a sheet, each 1 to 50.
  uint32_t columns = 10;
  uint32_t rows = 10;
  /// From tile to tile, at least 100. A short film gets a smaller one, so that there is something to see.
  int64_t interval_ms = 10'000;
  /// Of the JPEGs, 1 to 100.
  uint32_t quality = 90;
  /// Names and sizes as Jellyfin has them: "320 - 10x10/0.jpg", every sheet with room for all its tiles.
  /// Else "storyboard-0.jpg", and the last sheet is as large as its tiles need.
  bool jellyfin = false;
  /// "storyboard.vtt": WebVTT with `#xywh`, beside the sheets of either layout.
  bool vtt = true;
  /// "storyboard.bif": Roku's BIF.
  bool bif = false;

  bool operator==(const storyboard_request&) const = default;
};

/// What a file may ask of an executor. Over a limit it is refused with errc::bad_media, before anything of it is
/// decoded where its headers tell.
struct limits {
  /// Of one picture.
  int64_t max_pixels = 8192LL * 8192;
  /// Frames a second.
  double max_frame_rate = 1000;
  uint32_t max_streams = 1000;
  /// Seconds. A header that claims more than a year is not believed at all, and not refused for it.
  double max_duration = 7 * 86400;
  /// Bytes of codec parameters of one stream.
  uint64_t max_extradata = 16 << 20;
  /// Bytes of attachments (fonts, pictures) of a file.
  uint64_t max_attachments = 256 << 20;
  /// Bytes of subtitles that are read of a file.
  uint64_t max_subtitles = 256 << 20;
  /// Seconds of processor time, all threads together, of a probe, of a thumbnail and of any other operation; 0: no
  /// limit. libav's dictionaries, for one, take quadratic time: a few megabytes of tags are minutes.
  uint64_t probe_cpu = 30;
  uint64_t thumbnail_cpu = 300;
  uint64_t long_cpu = 4 * 86400;
};

/// When a stream begins and ends in a film, seconds. `begin` after `end`: nothing is known.
struct span {
  double begin = 0;
  double end = -1;

  bool operator==(const span&) const = default;
};

/// One request for all operations: the fields that an operation does not name are not looked at.
/// Descriptors: probe, verify, plan_chunks: source. thumbnail: source, one output for each picture. transcode,
/// encode_audio: source, output. encode_chunk: source, piece. join: source, output, audio if `has_audio`, pieces.
/// hls, storyboard: source; their files are asked for by name.
struct request {
  exec::op op = op::probe;
  /// The source (the first descriptor) is only partly here: what is read of it is asked for with `need`. Nothing of it
  /// is known to be here at first.
  bool ranged = false;
  /// Of a ranged source, bytes; its descriptor's file has this size.
  uint64_t source_size = 0;
  /// The extension of the source's name, lower case without the dot: a hint for formats with no signature.
  std::string name_hint;
  // thumbnail: all of one frame.
  std::vector<picture_request> pictures;
  exec::storyboard_request storyboard;
  // transcode
  media_profile profile;
  // transcode, verify: what the source is (a probe's answer).
  media_info source;
  // verify: the profile that `source` was transcoded to; the output's streams that are copies (transcode_answer), which
  // may be as damaged as their source; decode everything, or samples.
  std::vector<uint32_t> copied;
  bool full = true;
  exec::limits limits;
  /// Frames that the video has to have (a transcode_answer's); 0: not known.
  int64_t frames = 0;
  /// What the film lasts (a transcode_answer's); 0: as long as `source`.
  double film_seconds = 0;
  /// Of each stream of the output, as the source was read (a transcode_answer's); empty: not known.
  std::vector<span> spans;
  /// Streams of `source` that hold nothing (a transcode_answer's, for a join that of encode_audio): not every container
  /// keeps them.
  std::vector<uint32_t> empty;
  // plan_chunks
  chunk_wishes wishes;
  // encode_chunk
  media_chunk chunk;
  // join: the answers of all encode_chunk, in the order of the film; whether there is a piece by encode_audio. verify:
  // what the film was joined from; pictures that are those of decoded pieces (chunk_piece::digest) are not decoded
  // again.
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
  /// In the order of the request's.
  std::vector<picture> pictures;
  /// Where in the film the frame is, seconds; -1 for an attached picture.
  double position = 0;
};

struct storyboard_answer {
  struct sheet {
    std::string name;
    uint32_t width = 0;
    uint32_t height = 0;
    uint64_t bytes = 0;
    /// From left to right, then down.
    uint32_t tiles = 0;
  };
  std::vector<sheet> sheets;
  uint32_t tile_width = 0;
  uint32_t tile_height = 0;
  uint32_t columns = 0;
  uint32_t rows = 0;
  /// From tile to tile; the tile n stands for [n, n + 1) times it.
  int64_t interval_ms = 0;
  /// Of all tiles.
  uint32_t count = 0;
  /// Names; empty when they were not asked for.
  std::string vtt;
  std::string bif;
};

/// Of transcode, encode_audio and join.
struct transcode_answer {
  /// Probe of the output.
  media_info output;
  int64_t frames = 0;
  double seconds = 0;
  /// Streams of the output that were taken as they are.
  std::vector<uint32_t> copied;
  /// What the film was found to last where the duration that the source announces is not to be trusted (timestamps that
  /// jump); 0: as announced.
  double film_seconds = 0;
  /// When each stream of the output begins and ends in what was read of the source.
  std::vector<span> spans;
  /// Streams of the source whose header promises what never came.
  std::vector<uint32_t> empty;
  /// The same operation as an ffmpeg command line, for the attempt's record.
  std::string operation;
  std::vector<std::string> warnings;
  /// Of encode_audio: the profile takes nothing of the source but its pictures, and no output was made.
  bool nothing = false;
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
  /// As an error has them.
  std::vector<std::pair<std::string, std::string>> fields{};
};

/// Of a join that failed for a piece that is damaged: its index among the pieces, from 0. Made again, it may fit.
inline constexpr const char* damaged_piece_field = "piece";

struct open_request {
  /// Chosen by the executor, unique in the operation.
  uint64_t id = 0;
  /// See valid_output_name. No name twice in an operation.
  std::string name;
};

struct open_answer {
  uint64_t id = 0;
  /// Why no descriptor came along.
  std::optional<failure> refusal;
};

struct need_request {
  /// Chosen by the executor; no two that are under way have the same.
  uint64_t id = 0;
  /// Within the source, at least one byte.
  uint64_t offset = 0;
  uint64_t length = 0;
};

struct have_answer {
  uint64_t id = 0;
  /// What is readable from now on: what was needed and perhaps much around it, which is not to be asked for again.
  uint64_t offset = 0;
  uint64_t length = 0;
  /// Why nothing came; the operation fails with it.
  std::optional<failure> refusal;
};

/// Behind what was told before: these next, in this order, and nothing between them.
struct coming_notice {
  /// None empty, all within the source, at most max_coming.
  std::vector<byte_span> spans;
};

/// Whether an output may be called that: lower-case letters, digits, '_', '-' and '.', at most one '/' in the middle
/// (a folder of the operation's own), single spaces between words (Jellyfin's "320 - 10x10"), no part that begins with
/// a dot, at most max_output_name bytes.
bool valid_output_name(std::string_view name) noexcept;

std::string encode(const readiness& x);
result<readiness> decode_readiness(std::string_view json);
/// The name in a request's JSON ("probe").
std::string_view to_string(op what) noexcept;
std::string encode(const request& x);
result<request> decode_request(std::string_view json);
std::string encode(const progress& x);
result<progress> decode_progress(std::string_view json);
std::string encode(const thumbnail_answer& x);
result<thumbnail_answer> decode_thumbnail_answer(std::string_view json);
std::string encode(const storyboard_answer& x);
result<storyboard_answer> decode_storyboard_answer(std::string_view json);
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
std::string encode(const open_request& x);
result<open_request> decode_open_request(std::string_view json);
std::string encode(const open_answer& x);
result<open_answer> decode_open_answer(std::string_view json);
std::string encode(const need_request& x);
result<need_request> decode_need_request(std::string_view json);
std::string encode(const have_answer& x);
result<have_answer> decode_have_answer(std::string_view json);
std::string encode(const coming_notice& x);
result<coming_notice> decode_coming_notice(std::string_view json);

} // namespace troupe::exec
