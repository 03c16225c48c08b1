#pragma once

#include "media/av.hpp"
#include "media/file_io.hpp"
#include "media/task.hpp"
#include "protocol/model/media.hpp"

#include <memory>
#include <string>
#include <vector>

namespace troupe::media {

/// Writes a container through a descriptor. Order: add_stream for each, write_header, write in any interleaving,
/// finish. Nothing else may be opened by libav but this same file again, for moving the moov to the front. One thread
/// at a time.
class muxer {
public:
  virtual ~muxer() = default;
  muxer(const muxer&) = delete;
  muxer& operator=(const muxer&) = delete;

  /// Empties the file. Borrows `fd` and `job.cancelled`. unprocessable for a container that libav does not know.
  static result<std::unique_ptr<muxer>> open(int fd, const media_profile& profile, const task& job);

  AVFormatContext* format() const noexcept {
    return format_.get();
  }
  bool wants_global_header() const noexcept {
    return format_->oformat->flags & AVFMT_GLOBALHEADER;
  }
  AVStream* add_stream();
  virtual result<void> write_header();
  /// Takes over the packet's data; its timestamps are in `time_base`. Timestamps that do not rise are pushed on.
  virtual result<void> write(AVPacket& packet, unsigned stream, AVRational time_base);
  /// Writes the index, moves it to the front when asked, and syncs the file.
  virtual result<void> finish();
  int64_t bytes() const noexcept {
    return sink_.size();
  }

protected:
  muxer(int fd, const std::atomic<bool>& cancelled) : cancelled_(cancelled), sink_(fd) {
  }
  void delay_sound(AVPacket& packet, const AVStream& stream) const noexcept;
  void delay_chapters() noexcept;
  void name_languages();
  bool holds_too_much(unsigned index, int64_t bytes) noexcept;
  /// Empties the file and makes the context. unprocessable for a container that libav does not know.
  result<void> prepare(const std::string& container, const std::string& extension);
  error failed(int code, const char* what) const;
  int fd() const noexcept {
    return sink_.fd();
  }

private:
  static int reopen(AVFormatContext* format, AVIOContext** out, const char*, int flags, AVDictionary**) noexcept;
  static int reclose(AVFormatContext* format, AVIOContext* io) noexcept;

  const std::atomic<bool>& cancelled_;
  sink_io sink_;
  std::unique_ptr<source_io> rereading_;
  bool faststart_ = false;
  bool is_matroska_ = false;
  bool is_mp4_ = false;
  std::vector<int64_t> last_dts_;
  /// Bytes of the others that came since each stream's last packet.
  std::vector<int64_t> waiting_;
  // Last: freed before what it writes to.
  av::output_context format_;
};

} // namespace troupe::media
