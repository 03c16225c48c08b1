#pragma once

// Real and synthesised media files for the tests of this room.

#include "media/fd.hpp"
#include "media/task.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace media_test {

/// The files of tests/support/fetch-media: in TROUPE_TEST_MEDIA, or media-samples beside the build's tests folder.
/// Throws with the instruction when there are none.
std::vector<std::string> real_files();
/// One of them by its name.
std::string real_file(const std::string& name);

/// A path in a temporary folder that goes when the tests end.
std::string scratch(const std::string& name);

/// Runs the ffmpeg program with these arguments, "-y" and quiet; throws when it fails.
void ffmpeg(const std::string& arguments);
/// What ffprobe says: format, streams, chapters.
nlohmann::json ffprobe(const std::string& path);
/// Standard output of a shell command; throws when it fails.
std::string output_of(const std::string& command);

void write_file(const std::string& path, const std::string& content);
std::string read_file(const std::string& path);
/// The extension, as a worker would hint it.
std::string extension(const std::string& path);

troupe::media::owned_fd open_source(const std::string& path);
/// Created, emptied, readable and writable.
troupe::media::owned_fd open_output(const std::string& path);

/// A task that nobody cancels and nobody follows.
const troupe::media::task& quiet_task();

/// A copy of an mp4 whose first track tells players to turn it clockwise by 90, 180 or 270 degrees (the matrix of
/// ISO/IEC 14496-12, 8.3.2, is written into its first tkhd box; the ffmpeg program of 5.1 can't).
void write_turned(const std::string& from, const std::string& to, int degrees);

/// A copy of an mp4 with this display matrix in its first track: a point (x, y) is shown at (a x + c y, b x + d y).
void write_matrix(const std::string& from, const std::string& to, int a, int b, int c, int d);

/// A copy of an mp4 of one track, its moov at the end, with one more box in one that it has (named by its place:
/// "moov", "trak"), behind what is in there.
void write_box(const std::string& from, const std::string& to, const std::vector<std::string>& place,
               const std::string& name, const std::string& content);

/// 2 seconds of 320x240 H.264 with AAC, made once: the simplest ordinary file.
std::string ordinary();

} // namespace media_test
