#include "media/probe.hpp"

#include "media/fingerprint.hpp"
#include "media/input.hpp"
#include "media/log_capture.hpp"
#include "media/stream_facts.hpp"

#include <algorithm>
#include <cstdio>

namespace troupe::media {

namespace {

constexpr unsigned max_chapters = 5000;
/// How much is read to learn a duration that the header does not tell.
constexpr int64_t scan_bytes = 256 * 1024 * 1024;
/// Longer than this (a year) is a broken header.
constexpr double max_duration = 366.0 * 86400;

std::vector<media_chapter> chapters_of(const AVFormatContext& format) {
  std::vector<media_chapter> chapters;
  for (unsigned i = 0; i < std::min(format.nb_chapters, max_chapters); ++i) {
    auto& c = *format.chapters[i];
    media_chapter chapter;
    chapter.start = static_cast<double>(c.start) * av_q2d(c.time_base);
    chapter.end = static_cast<double>(c.end) * av_q2d(c.time_base);
    chapter.title = tag(c.metadata, "title");
    chapter.id = c.id;
    chapter.time_base = std::to_string(c.time_base.num) + '/' + std::to_string(c.time_base.den);
    chapter.tags = tags_of(c.metadata);
    chapters.push_back(std::move(chapter));
  }
  return chapters;
}

/// Reads packets to the end, or for scan_bytes and then by proportion: the only way to the duration of files that
/// were written as a stream (a browser's recorder, a broken-off recording). Behind a packet may come a hole that is
/// longer than that.
double scanned_duration(input& source, bool& exact) {
  auto* format = source.format();
  auto packet = av::make_packet();
  double first = -1;
  double last = 0;
  int64_t position = 0;
  exact = false;
  source.io().allow(scan_bytes);
  while (position < scan_bytes) {
    int code = source.read(*packet);
    if (code == AVERROR(EAGAIN))
      continue;
    if (code < 0) {
      exact = code == AVERROR_EOF && !source.io().failure() && !source.io().spent();
      position = source.io().spent() ? avio_tell(format->pb) : source.io().size();
      break;
    }
    position = std::max(position, avio_tell(format->pb));
    auto ts = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;
    if (ts != AV_NOPTS_VALUE) {
      auto base = av_q2d(source.stream(static_cast<unsigned>(packet->stream_index))->time_base);
      if (first < 0)
        first = static_cast<double>(ts) * base;
      last = std::max(last, static_cast<double>(ts + packet->duration) * base);
    }
    av_packet_unref(packet.get());
  }
  source.io().allow(INT64_MAX);
  double read = std::max(last - std::max(first, 0.0), 0.0);
  return exact ? read
               : read * static_cast<double>(source.io().size()) / static_cast<double>(std::max<int64_t>(position, 1));
}

void duration_facts(media_info& out, input& source) {
  auto& format = *source.format();
  if (format.duration != AV_NOPTS_VALUE && format.duration > 0) {
    out.duration = static_cast<double>(format.duration) / AV_TIME_BASE;
    if (format.duration_estimation_method == AVFMT_DURATION_FROM_BITRATE)
      out.warnings.push_back("the duration is an estimate from the bit rate");
  } else {
    bool exact = false;
    out.duration = scanned_duration(source, exact);
    if (!exact)
      out.warnings.push_back("the header tells no duration; it is an estimate from the first part of the file");
  }
  if (out.duration > max_duration) {
    out.warnings.push_back("the header claims a duration of more than a year, which is not believed");
    out.duration = 0;
  }
  if (format.start_time != AV_NOPTS_VALUE)
    out.start_time = static_cast<double>(format.start_time) / AV_TIME_BASE;
}

/// Index entries that point past the end: the file was cut off after its index was written.
void check_index(media_info& out, input& source) {
  for (unsigned i = 0; i < source.format()->nb_streams; ++i) {
    auto* stream = source.stream(i);
    int entries = avformat_index_get_entries_count(stream);
    int missing = 0;
    for (int e = entries - 1; e >= 0; --e) {
      auto* entry = avformat_index_get_entry(stream, e);
      if (!entry || entry->pos + entry->size <= source.io().size())
        break;
      ++missing;
    }
    if (missing == 0)
      continue;
    char line[160];
    std::snprintf(line, sizeof line, "the file is cut off: %d of %d entries of stream %u lie past its end", missing,
                  entries, i);
    out.warnings.push_back(line);
  }
}

void add_stream(media_info& out, input& source, unsigned index) {
  auto facts = stream_facts(*source.format(), *source.stream(index));
  auto marks = source.marks(index);
  facts.closed_captions = marks.captions;
  facts.hdr10_plus = marks.hdr10_plus;
  out.streams.push_back(std::move(facts));
}

void add_log(media_info& out) {
  for (auto& line : log_capture::lines())
    if (std::find(out.warnings.begin(), out.warnings.end(), line) == out.warnings.end())
      out.warnings.push_back(line);
}

} // namespace

media_info facts_of(input& source) {
  auto& format = *source.format();
  media_info out;
  out.format = format.iformat->name;
  out.size = static_cast<uint64_t>(source.io().size());
  out.bit_rate = format.bit_rate;
  out.programs = format.nb_programs;
  out.tags = tags_of(format.metadata);
  for (unsigned i = 0; i < format.nb_streams; ++i)
    add_stream(out, source, i);
  out.chapters = chapters_of(format);
  check_index(out, source);
  duration_facts(out, source);
  if (out.bit_rate <= 0 && out.duration > 0)
    out.bit_rate = static_cast<int64_t>(static_cast<double>(out.size) * 8 / out.duration);
  if (source.io().shrunk())
    out.warnings.push_back("the file became shorter while it was read");
  return out;
}

result<media_info> probe(source_file file, const std::string& name_hint, const task& job) {
  auto source = input::open(file, name_hint, job, depth::facts);
  if (!source)
    return source.error();
  auto out = facts_of(**source);
  if ((*source)->cancelled() || (*source)->io().failure())
    return (*source)->read_error(AVERROR(EIO));
  add_log(out);
  auto print = fingerprint(file);
  if (!print)
    return print.error();
  out.fingerprint = std::move(*print);
  return out;
}

} // namespace troupe::media
