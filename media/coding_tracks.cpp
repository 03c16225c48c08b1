#include "media/coding_tracks.hpp"

#include "media/faults.hpp"

#include <atomic>

namespace troupe::media {

namespace {

/// Packets between reader and decoder, and frames between the stages: enough to even out, little enough for memory (a
/// frame of 4K in 10 bits is 25 MB).
constexpr size_t queue_packets = 64;
constexpr size_t queue_bytes = 16 << 20;
constexpr size_t queue_frames = 4;

using packet_queue = bounded_queue<av::packet>;
using frame_queue = bounded_queue<av::frame>;

av::packet taken(AVPacket& p) {
  auto own = av::make_packet();
  av_packet_move_ref(own.get(), &p);
  return own;
}

av::frame taken(AVFrame& f) {
  auto own = av::make_frame();
  av_frame_move_ref(own.get(), &f);
  return own;
}

/// A decoder that is fed through a queue.
class decoding {
public:
  explicit decoding(decoder d) :
    decoder_(std::move(d)),
    queue_(queue_packets, queue_bytes, [](const av::packet& p) { return static_cast<size_t>(p->size); }) {
  }

  result<void> take(AVPacket& p) {
    return queue_.push(taken(p)) ? result<void>{} : stopped_error();
  }
  void finish() {
    queue_.close();
  }
  packet_queue& queue() noexcept {
    return queue_;
  }
  /// Decodes until the queue ends.
  result<void> run(const frame_sink& next) {
    while (auto packet = queue_.pop()) {
      TROUPE_TRY(decoder_.send(packet->get(), next));
      // No use in decoding hours of rubbish.
      if (decoder_.packets() >= 500 && decoder_.damaged() * 2 > decoder_.packets())
        return {errc::bad_media, "the source is too damaged: " + std::to_string(decoder_.damaged()) + " of the first "
                                   + std::to_string(decoder_.packets()) + " packets of a stream"};
    }
    return queue_.stopped() ? result<void>{stopped_error()} : decoder_.send(nullptr, next);
  }
  const decoder& codec() const noexcept {
    return decoder_;
  }

private:
  decoder decoder_;
  packet_queue queue_;
};

class video_track final : public track {
public:
  video_track(decoder d, std::vector<std::unique_ptr<coded_stream>> outputs) : decoding_(std::move(d)) {
    for (auto& o : outputs)
      branches_.push_back(std::make_unique<branch>(std::move(o)));
  }

  result<void> start(pipeline& work) override {
    work.add(decoding_.queue());
    for (auto& b : branches_) {
      work.add(b->decoded);
      work.add(b->filtered);
    }
    TROUPE_TRY(work.spawn("decode", [this] { return decode(); }));
    for (auto& b : branches_) {
      TROUPE_TRY(work.spawn("filter", [&b = *b] { return b.filter(); }));
      TROUPE_TRY(work.spawn("encode", [&b = *b] { return b.encode(); }));
    }
    return {};
  }
  result<void> take(AVPacket& p) override {
    return decoding_.take(p);
  }
  result<void> finish() override {
    decoding_.finish();
    return {};
  }
  int64_t packets() const noexcept override {
    return decoding_.codec().packets();
  }
  int64_t damaged() const noexcept override {
    return decoding_.codec().damaged();
  }
  int64_t frames() const noexcept override {
    return branches_.front()->stream->frames();
  }
  int64_t dropped() const noexcept override {
    return branches_.front()->stream->dropped();
  }

private:
  struct branch {
    explicit branch(std::unique_ptr<coded_stream> s) :
      stream(std::move(s)), decoded(queue_frames), filtered(queue_frames) {
    }

    result<void> filter() {
      auto next = [this](AVFrame& f) -> result<void> {
        return filtered.push(taken(f)) ? result<void>{} : stopped_error();
      };
      while (auto f = decoded.pop())
        TROUPE_TRY(stream->filter(f->get(), next));
      if (decoded.stopped())
        return stopped_error();
      TROUPE_TRY(stream->filter(nullptr, next));
      filtered.close();
      return {};
    }
    result<void> encode() {
      while (auto f = filtered.pop())
        TROUPE_TRY(stream->encode(f->get()));
      return filtered.stopped() ? result<void>{stopped_error()} : stream->encode(nullptr);
    }

    std::unique_ptr<coded_stream> stream;
    frame_queue decoded;
    frame_queue filtered;
  };

  result<void> decode() {
    TROUPE_TRY(decoding_.run([this](AVFrame& f) { return hand_on(f); }));
    for (auto& b : branches_)
      b->decoded.close();
    return {};
  }

  /// Every output gets the frame; the pictures themselves are shared.
  result<void> hand_on(AVFrame& f) {
    for (size_t i = 0; i < branches_.size(); ++i) {
      auto own = av::make_frame();
      if (i + 1 == branches_.size())
        av_frame_move_ref(own.get(), &f);
      else if (int code = av_frame_ref(own.get(), &f); code < 0)
        return av_error(code, "decoding failed");
      if (!branches_[i]->decoded.push(std::move(own)))
        return stopped_error();
    }
    return {};
  }

  decoding decoding_;
  std::vector<std::unique_ptr<branch>> branches_;
};

class audio_track final : public track {
public:
  audio_track(decoder d, std::unique_ptr<coded_stream> output) : decoding_(std::move(d)), stream_(std::move(output)) {
  }

  result<void> start(pipeline& work) override {
    work.add(decoding_.queue());
    return work.spawn("audio", [this] { return run(); });
  }
  result<void> take(AVPacket& p) override {
    return decoding_.take(p);
  }
  result<void> finish() override {
    decoding_.finish();
    return {};
  }
  int64_t packets() const noexcept override {
    return decoding_.codec().packets();
  }
  int64_t damaged() const noexcept override {
    return decoding_.codec().damaged();
  }
  int64_t frames() const noexcept override {
    return stream_->frames();
  }
  int64_t dropped() const noexcept override {
    return stream_->dropped();
  }

private:
  result<void> run() {
    auto encode = [this](AVFrame& f) { return stream_->encode(&f); };
    TROUPE_TRY(decoding_.run([&](AVFrame& f) { return stream_->filter(&f, encode); }));
    TROUPE_TRY(stream_->filter(nullptr, encode));
    return stream_->encode(nullptr);
  }

  decoding decoding_;
  std::unique_ptr<coded_stream> stream_;
};

} // namespace

result<std::unique_ptr<track>> make_video_track(input& source, unsigned stream,
                                                std::vector<std::unique_ptr<coded_stream>> outputs) {
  auto& s = *source.stream(stream);
  auto codec = decoder::open(s, {.threads = 0, .decoding_times = source.lacks_display_times(s)});
  if (!codec)
    return codec.error();
  return std::unique_ptr<track>(std::make_unique<video_track>(std::move(*codec), std::move(outputs)));
}

result<std::unique_ptr<track>> make_audio_track(input& source, unsigned stream, std::unique_ptr<coded_stream> output) {
  auto codec = decoder::open(*source.stream(stream), 1);
  if (!codec)
    return codec.error();
  return std::unique_ptr<track>(std::make_unique<audio_track>(std::move(*codec), std::move(output)));
}

} // namespace troupe::media
