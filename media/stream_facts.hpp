#pragma once

#include "media/av.hpp"
#include "protocol/model/media.hpp"

namespace troupe::media {

/// What a stream's header says, in plain units. Never decodes.
media_stream stream_facts(AVFormatContext& format, AVStream& stream);

/// Clockwise degrees a player turns the picture (0, 90, 180, 270), from the display matrix.
int rotation_of(const AVStream& stream) noexcept;

/// Unspecified for what the enumeration does not have: libav takes any number from a file's header for it.
AVChromaLocation chroma_location(const AVCodecParameters& par) noexcept;

/// All metadata, bounded in number and length.
std::map<std::string, std::string> tags_of(const AVDictionary* tags);

/// A metadata value, or an empty string.
std::string tag(const AVDictionary* tags, const char* name);

} // namespace troupe::media
