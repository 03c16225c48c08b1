#include "media/verify_facts.hpp"

#include "media/transcode_plan.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>

namespace troupe::media {

namespace {

/// Of a film's length, and at least a second: containers and decoders differ in what they count of the last packets.
constexpr double duration_tolerance = 0.01;
/// transcode bears that part of damaged packets; each may be a frame.
constexpr double bearable_loss = 0.10;
/// Out of step by so much is seen and heard (EBU R 37 allows 0.04 s early and 0.06 s late), and more than the rounding
/// of a frame that was dropped.
constexpr double step_seconds = 0.2;
/// At the end a stream may be short by what was damaged there.
constexpr double end_seconds = 1;

/// Recordings that may begin in the middle of a group of pictures, and whose clocks may jump: their headers' times are
/// no measure.
bool is_recording(const media_info& source) {
  return source.format == "mpegts" || source.format == "mpeg";
}

double number(const std::string& ratio) {
  int num = 0;
  int den = 0;
  if (std::sscanf(ratio.c_str(), "%d/%d", &num, &den) != 2 || num <= 0 || den <= 0)
    return 0;
  return static_cast<double>(num) / den;
}

std::string name_of(const media_stream& s) {
  return "stream " + std::to_string(s.index) + " (" + s.kind + ")";
}

void check_codec(const media_stream& s, const std::string& wanted, findings& out) {
  if (wanted != "copy" && wanted != "none" && s.codec != wanted)
    out.add("stream " + std::to_string(s.index) + " is " + s.codec + " instead of " + wanted);
}

bool is_sound(const media_stream& s) {
  return s.kind == "audio" && s.sample_rate > 0 && s.channels > 0;
}

void check_streams(const exec::request& request, const media_info& file, findings& out) {
  auto& profile = request.profile;
  const bool wants_video = profile.video_codec != "none" && request.source.first("video");
  auto* video = file.first("video");
  if (wants_video != (video != nullptr))
    out.add(wants_video ? "the video is missing" : "there is a video where none belongs");
  const auto wanted = profile.audio_codec == "none"
                        ? 0
                        : std::count_if(request.source.streams.begin(), request.source.streams.end(), is_sound);
  const auto there = std::count_if(file.streams.begin(), file.streams.end(),
                                   [&](auto& s) { return is_sound(s) && !kept_empty(request, s.index); });
  if (there != wanted)
    out.add(std::to_string(there) + " audio tracks instead of " + std::to_string(wanted));
  if (video)
    check_codec(*video, profile.video_codec, out);
  for (auto& s : file.streams)
    if (s.kind == "audio")
      check_codec(s, profile.audio_codec, out);
  if (video && profile.video_codec != "copy")
    if ((profile.max_width && video->width > profile.max_width)
        || (profile.max_height && video->height > profile.max_height))
      out.add("the picture is larger than the profile allows");
}

/// Frames of the source between the edges of what was made of it; 0: its header does not tell.
double frames_of_source(const exec::request& request, const stream_pair& video) {
  const auto rate = number(video.source.average_frame_rate);
  const auto most = request.profile.max_frame_rate;
  if (video.source.frames <= 0 || rate <= 0 || (most > 0 && rate > most))
    return 0;
  // An edit list may show a part only.
  return std::min(static_cast<double>(video.source.frames), rate * (video.seen.end() - video.seen.begin()));
}

/// When the stream has to begin and end, as far as that is known; an infinite end: it is not.
std::optional<exec::span> expected_span(const exec::request& request, const stream_pair& stream) {
  auto& source = request.source;
  if (is_recording(source))
    return std::nullopt;
  const bool is_matroska = source.format == "matroska,webm";
  const auto& read = stream.read;
  // Matroska tells no tracks' times, and where the film's length is not to be trusted neither are its tracks'.
  if ((is_matroska || request.film_seconds > 0) && read.begin <= read.end)
    return read;
  // libav gives the film's start to a stream that begins unseen.
  if (!stream.source.start_ticks || (is_matroska && stream.source.start_time <= source.start_time))
    return std::nullopt;
  const auto begin = std::max(stream.source.start_time - source.start_time, 0.0);
  const bool ends = stream.source.duration > 0 && !is_matroska && request.film_seconds <= 0;
  return exec::span{begin, ends ? begin + stream.source.duration : INFINITY};
}

} // namespace

bool kept_empty(const exec::request& request, uint32_t stream) {
  return !request.empty.empty() && stream < request.spans.size()
         && request.spans[stream].begin > request.spans[stream].end;
}

void check_facts(const exec::request& request, const media_info& file, findings& out) {
  check_streams(request, file, out);
}

void check_duration(const exec::request& request, const media_info& file, double seen, findings& out) {
  auto expected = request.film_seconds > 0 ? request.film_seconds : expected_duration(request.source, request.profile);
  // The number of frames is the better measure then.
  if (expected <= 0 || (is_recording(request.source) && request.frames > 0))
    return;
  auto fits = [&](double x) { return std::fabs(x - expected) <= std::max(1.0, expected * duration_tolerance); };
  // Text may outlast the film, which containers count; the last packet's length is told by them alone.
  if (fits(file.duration) || fits(seen))
    return;
  char text[120];
  std::snprintf(text, sizeof text, "it lasts %.2f instead of %.2f seconds", file.duration, expected);
  out.add(text);
}

void check_frames(const exec::request& request, const stream_pair& video, findings& out) {
  const auto frames = video.seen.packets();
  // Of copied packets an edit list may hide some.
  if (!video.copied && request.frames > 0 && frames != request.frames)
    out.add("it has " + std::to_string(frames) + " frames instead of " + std::to_string(request.frames));
  auto of_source = frames_of_source(request, video);
  if (of_source > 0 && static_cast<double>(frames) < of_source * (1 - bearable_loss) - 2)
    out.add("it has " + std::to_string(frames) + " frames of about " + std::to_string(std::lround(of_source))
            + " of the source");
  const auto interval = request.profile.keyframe_interval;
  if (video.copied || interval <= 0)
    return;
  const auto rate = std::max(number(video.made.average_frame_rate), number(video.made.base_frame_rate));
  if (rate <= 0)
    return;
  // Some encoders count frames and others time: where the rate changes, only one of the two is kept.
  const auto longest = std::ceil(interval * rate * (1 + duration_tolerance)) + 1;
  const auto seconds = interval * (1 + duration_tolerance) + 1 / rate;
  if (static_cast<double>(video.seen.longest_group()) > longest && video.seen.longest_group_seconds() > seconds)
    out.add("there are " + std::to_string(video.seen.longest_group())
            + " frames from one keyframe to the next: more than " + std::to_string(std::lround(interval * 1000))
            + " ms");
}

void check_edges(const exec::request& request, const stream_pair& stream, findings& out) {
  const auto expected = expected_span(request, stream);
  if (!expected || stream.seen.begin() > stream.seen.end())
    return;
  char text[160];
  if (std::fabs(stream.seen.begin() - expected->begin) > step_seconds) {
    std::snprintf(text, sizeof text, " begins at %.3f instead of %.3f seconds", stream.seen.begin(), expected->begin);
    out.add(name_of(stream.made) + text);
  }
  const auto end = expected->end;
  if (std::isfinite(end) && std::fabs(stream.seen.end() - end) > std::max(end_seconds, end * duration_tolerance)) {
    std::snprintf(text, sizeof text, " ends at %.2f instead of %.2f seconds", stream.seen.end(), end);
    out.add(name_of(stream.made) + text);
  }
}

} // namespace troupe::media
