#include "media/chunk_encode.hpp"

#include "media/chunk_source.hpp"
#include "media/coded_stream.hpp"
#include "media/decoder.hpp"
#include "media/faults.hpp"
#include "media/log_capture.hpp"
#include "media/piece_reader.hpp"
#include "media/piece_writer.hpp"
#include "media/pipeline.hpp"
#include "media/progress_meter.hpp"
#include "media/transcode.hpp"
#include "media/transcode_command.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>

namespace troupe::media {

namespace {

/// Decoded frames between the stages, as few as evens them out.
constexpr size_t queue_frames = 4;
/// Frames in front of the chunk that the filters see: deinterlacing looks at one neighbour.
constexpr size_t lead_frames = 3;
/// Seconds in front of the chunk from which on all frames are decoded; earlier only those that others refer to.
constexpr double lead_seconds = 2;

using frame_queue = bounded_queue<av::frame>;

av::frame taken(AVFrame& f) {
  auto own = av::make_frame();
  av_frame_move_ref(own.get(), &f);
  return own;
}

/// Decodes from the keyframe before the chunk, filters all of it, and encodes the frames that are the chunk's own. The
/// encoder is new, so its first frame is a keyframe that nothing reaches back across. Reading with decoding, filtering,
/// encoding and writing are threads; the operation's own thread watches over them.
class chunk_encoder {
public:
  chunk_encoder(chunk_source& source, const planned_track& track, const exec::request& request, const task& job) :
    source_(source), track_(track), request_(request), job_(job), stream_(*source.file().stream(track.stream)),
    meter_(job, length()), decoded_(queue_frames), filtered_(queue_frames) {
  }

  result<exec::encode_chunk_answer> run(int fd) {
    TROUPE_TRY(set_up(fd));
    TROUPE_TRY(work());
    auto piece = writer_->finish(packets_, std::max<int64_t>(decoder_->damaged() - damaged_before_, 0));
    if (!piece)
      return piece.error();
    TROUPE_TRY(check(fd, *piece));
    meter_.finish(length(), piece->frames, writer_->packets().bytes());
    exec::encode_chunk_answer answer;
    answer.piece = std::move(*piece);
    answer.seconds = meter_.seconds();
    if (!source_.broken().empty())
      answer.warnings.push_back(source_.broken());
    return answer;
  }

private:
  double unit() const {
    return av_q2d(AVRational{request_.chunk.time_base.num, request_.chunk.time_base.den});
  }

  double begin_seconds() const {
    return request_.chunk.begin == INT64_MIN ? 0 : static_cast<double>(request_.chunk.begin) * unit();
  }

  /// Seconds, for the progress; 0: not known.
  double length() const {
    if (request_.chunk.end != INT64_MAX)
      return static_cast<double>(request_.chunk.end) * unit() - begin_seconds();
    return std::max(expected_duration(request_.source, request_.profile) - begin_seconds(), 0.0);
  }

  result<void> set_up(int fd) {
    auto writer = piece_writer::open(fd, request_.chunk, job_);
    if (!writer)
      return writer.error();
    writer_ = std::move(*writer);
    auto coded = coded_stream::make(track_, source_.file(), writer_->packets());
    if (!coded)
      return coded.error();
    coded_ = std::move(*coded);
    auto codec = decoder::open(stream_, 0);
    if (!codec)
      return codec.error();
    decoder_ = std::make_unique<decoder>(std::move(*codec));
    return writer_->write_header();
  }

  /// What is wrong with a piece is found here, where it alone is made again, and not when all are joined; and what was
  /// decoded here is not decoded again there.
  result<void> check(int fd, chunk_piece& piece) {
    if (piece.frames == 0)
      return {};
    auto digest = piece_reader::check(fd, piece, job_);
    if (!digest && digest.error().code == errc::unprocessable)
      return {errc::io, "what was encoded is not what was written: " + digest.error().message};
    if (!digest)
      return digest.error();
    piece.digest = std::move(*digest);
    return {};
  }

  result<void> work() {
    pipeline threads;
    threads.add(decoded_);
    threads.add(filtered_);
    TROUPE_TRY(writer_->packets().start(threads));
    TROUPE_TRY(threads.spawn("decode", [this] { return decode(); }));
    TROUPE_TRY(threads.spawn("filter", [this] { return filter(); }));
    TROUPE_TRY(threads.spawn("encode", [this] { return encode(); }));
    while (!threads.wait_for(report_interval)) {
      // The reader may be waiting in front of a full queue.
      if (job_.cancelled)
        threads.fail(cancelled_error());
      meter_.at(writer_->packets().position(), coded_->frames(), writer_->packets().bytes());
    }
    return threads.join();
  }

  /// Until a frame behind the chunk has left the filters: by then all of its own have left them.
  result<void> decode() {
    auto onward = [this](AVFrame& f) { return hand_on(f); };
    auto packet = av::make_packet();
    while (!behind_) {
      auto more = source_.next(*packet);
      if (!more)
        return more.error();
      if (!*more) {
        TROUPE_TRY(decoder_->send(nullptr, onward));
        break;
      }
      auto time = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;
      if (time != AV_NOPTS_VALUE) {
        packets_ += place(time, stream_.time_base) == chunk_place::inside;
        decoder_->skip_unreferenced(far_ahead(time));
      }
      TROUPE_TRY(decoder_->send(packet.get(), onward));
      av_packet_unref(packet.get());
    }
    decoded_.close();
    return {};
  }

  /// Of the first chunk nothing is in front.
  bool far_ahead(int64_t time) const noexcept {
    return request_.chunk.begin != INT64_MIN
           && static_cast<double>(time) * av_q2d(stream_.time_base) < begin_seconds() - lead_seconds;
  }

  result<void> hand_on(AVFrame& f) {
    if (f.pts != AV_NOPTS_VALUE && place(f.pts, stream_.time_base) == chunk_place::before) {
      // Open groups of pictures begin with some that can't be decoded: those are not this chunk's damage.
      damaged_before_ = decoder_->damaged();
      lead_.push_back(taken(f));
      if (lead_.size() > lead_frames)
        lead_.pop_front();
      return {};
    }
    for (; !lead_.empty(); lead_.pop_front())
      if (!decoded_.push(std::move(lead_.front())))
        return stopped_error();
    return decoded_.push(taken(f)) ? result<void>{} : stopped_error();
  }

  result<void> filter() {
    auto onward = [this](AVFrame& f) -> result<void> {
      switch (place(f.pts, coded_->time_base())) {
      case chunk_place::inside:
        return behind_ || filtered_.push(taken(f)) ? result<void>{} : stopped_error();
      case chunk_place::after:
        behind_ = true;
        break;
      case chunk_place::before:
        break;
      }
      return {};
    };
    while (auto f = decoded_.pop())
      TROUPE_TRY(coded_->filter(f->get(), onward));
    if (decoded_.stopped())
      return stopped_error();
    TROUPE_TRY(coded_->filter(nullptr, onward));
    filtered_.close();
    return {};
  }

  result<void> encode() {
    while (auto f = filtered_.pop())
      TROUPE_TRY(coded_->encode(f->get()));
    return filtered_.stopped() ? result<void>{stopped_error()} : coded_->encode(nullptr);
  }

  chunk_place place(int64_t pts, AVRational time_base) const noexcept {
    return source_.window().place(pts, time_base);
  }

  static constexpr std::chrono::milliseconds report_interval{100};

  chunk_source& source_;
  const planned_track& track_;
  const exec::request& request_;
  const task& job_;
  AVStream& stream_;
  progress_meter meter_;
  std::unique_ptr<piece_writer> writer_;
  std::unique_ptr<coded_stream> coded_;
  frame_queue decoded_;
  frame_queue filtered_;
  /// Set by the filtering thread, seen by the reading one.
  std::atomic<bool> behind_ = false;
  // The decoding thread's.
  std::unique_ptr<decoder> decoder_;
  int64_t packets_ = 0;
  int64_t damaged_before_ = 0;
  /// The last frames in front of the chunk, until its first one comes.
  std::deque<av::frame> lead_;
};

/// Refuses what can't come from plan_chunks, before it is used to calculate with.
result<void> check(const media_chunk& chunk) {
  if (chunk.time_base.num <= 0 || chunk.time_base.den <= 0 || chunk.begin >= chunk.end || chunk.index >= chunk.count
      || chunk.count > max_chunks)
    return {errc::unprocessable, "this is no chunk of a plan: take it as plan_chunks answered it"};
  return {};
}

} // namespace

result<exec::encode_chunk_answer> encode_chunk(source_file file, int piece_fd, const exec::request& request,
                                               const task& job) {
  TROUPE_TRY(check(request.chunk));
  auto source = chunk_source::open(file, request.name_hint, request.chunk, job);
  if (!source)
    return source.error();
  auto plan = make_plan((*source)->file(), request.profile);
  if (!plan)
    return plan.error();
  auto* track = encoded_video(*plan, (*source)->file());
  if (!track)
    return {errc::unprocessable, "the profile " + request.profile.name + " encodes no video of this source"};
  const auto base = (*source)->file().stream(track->stream)->time_base;
  if (base.num != request.chunk.time_base.num || base.den != request.chunk.time_base.den)
    return {errc::unprocessable, "the chunk was planned for another source: its time base is not this one's"};
  TROUPE_TRY((*source)->start(track->stream));
  // The plan refers to the file, which may have been opened anew.
  plan = make_plan((*source)->file(), request.profile);
  if (!plan)
    return plan.error();
  track = encoded_video(*plan, (*source)->file());
  if (!track)
    return {errc::unprocessable, "the source changed while it was read"};
  auto operation = command_line(*plan, request.profile, (*source)->file());
  auto answer = chunk_encoder(**source, *track, request, job).run(piece_fd);
  if (!answer)
    return answer;
  answer->operation = std::move(operation);
  if ((*source)->file().io().shrunk())
    answer->warnings.push_back("the source became shorter while it was read");
  for (auto& line : log_capture::lines())
    answer->warnings.push_back(line);
  log_capture::clear();
  return answer;
}

result<exec::transcode_answer> encode_audio(source_file source, int output, const exec::request& request,
                                            const task& job) {
  auto audio = request;
  audio.op = exec::op::encode_audio;
  return transcode(source, output, audio, job);
}

} // namespace troupe::media
