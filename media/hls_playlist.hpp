#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace troupe::media {

// The playlists of HTTP Live Streaming (RFC 8216 with the additions of its second edition, draft-pantos-hls-rfc8216bis)
// as text. Every rendition is one file; segments are ranges of its bytes.

struct hls_segment {
  /// Seconds.
  double duration = 0;
  int64_t offset = 0;
  int64_t size = 0;
};

struct hls_rendition {
  /// "v0": the media file is v0.mp4, the playlist v0.m3u8, that of keyframes v0-keyframes.m3u8.
  std::string name;
  int64_t init_size = 0;
  /// RFC 6381.
  std::string codec;
  std::vector<hls_segment> segments;
  /// Of pictures: each keyframe, for scrubbing.
  std::vector<hls_segment> keyframes;
  // pictures
  uint32_t width = 0;
  uint32_t height = 0;
  double frame_rate = 0;
  /// "SDR", "PQ" or "HLG".
  std::string range = "SDR";
  // sound and text
  std::string title;
  /// BCP 47, or empty.
  std::string language;
  uint32_t channels = 0;
  bool is_default = false;
  bool forced = false;
};

/// Seconds of the longest segment of all these: the media playlists of one film have to tell the same (RFC
/// 8216, 6.2.4).
long target_duration(const std::vector<std::vector<hls_rendition>>& groups);

std::string media_playlist(const hls_rendition& r, long target_duration);
/// EXT-X-I-FRAMES-ONLY.
std::string keyframe_playlist(const hls_rendition& r);
/// One WebVTT file, `seconds` long.
std::string text_playlist(const std::string& file, double seconds);
/// `videos` best first; without any, the sounds are the variants.
std::string master_playlist(const std::vector<hls_rendition>& videos, const std::vector<hls_rendition>& sounds,
                            const std::vector<hls_rendition>& texts);

/// Bits a second of the segment that needs most, and of all on average (RFC 8216 section 4.3.4.2).
int64_t peak_bandwidth(const std::vector<hls_segment>& segments);
int64_t average_bandwidth(const std::vector<hls_segment>& segments);

} // namespace troupe::media
