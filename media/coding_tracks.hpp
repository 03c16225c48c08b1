#pragma once

#include "media/coded_stream.hpp"
#include "media/tracks.hpp"

namespace troupe::media {

/// Pictures: a thread decodes, and for each output one filters and one encodes. `outputs` may be several renditions of
/// the one stream.
result<std::unique_ptr<track>> make_video_track(input& source, unsigned stream,
                                                std::vector<std::unique_ptr<coded_stream>> outputs);
/// Sound: one thread does all.
result<std::unique_ptr<track>> make_audio_track(input& source, unsigned stream, std::unique_ptr<coded_stream> output);
/// Text subtitles from one format to another; on the reading thread, for they are few.
result<std::unique_ptr<track>> make_subtitle_track(const planned_track& plan, input& source, packet_writer& output);

} // namespace troupe::media
