#include "media/piece_reader.hpp"

#include "media/checked_pieces.hpp"
#include "media/decoder.hpp"
#include "media/piece_label.hpp"

#include <algorithm>
#include <cstring>

namespace troupe::media {

namespace {

/// What an mp4 file of one stream says of it differs in nothing that a decoder is set up with.
const char* difference(const AVCodecParameters& a, const AVCodecParameters& b) {
  if (a.codec_id != b.codec_id)
    return "codec";
  if (a.width != b.width || a.height != b.height)
    return "size of the picture";
  if (a.format != b.format)
    return "pixel format";
  if (av_cmp_q(a.sample_aspect_ratio, b.sample_aspect_ratio) != 0)
    return "shape of the pixels";
  if (a.color_range != b.color_range || a.color_primaries != b.color_primaries || a.color_trc != b.color_trc
      || a.color_space != b.color_space)
    return "colours";
  if (a.extradata_size != b.extradata_size
      || (a.extradata_size > 0 && std::memcmp(a.extradata, b.extradata, static_cast<size_t>(a.extradata_size)) != 0))
    return "codec's header";
  return nullptr;
}

constexpr int32_t deepest_reorder = 64;

} // namespace

result<std::unique_ptr<piece_reader>> piece_reader::open(std::span<const int> fds,
                                                         const std::vector<chunk_piece>& pieces, const task& job) {
  std::unique_ptr<piece_reader> self{new piece_reader(fds, pieces, job)};
  TROUPE_TRY(self->check_answers());
  int32_t reorder = 0;
  for (auto& p : pieces)
    reorder = std::max(reorder, p.reorder);
  self->times_ = std::make_unique<decode_times>(static_cast<size_t>(reorder));
  self->skip_empty();
  if (self->at_ == pieces.size())
    return {errc::bad_media, "nothing of the video can be decoded: all pieces are empty"};
  TROUPE_TRY(self->open_piece());
  return self;
}

result<std::string> piece_reader::check(int fd, const chunk_piece& piece, const task& job) {
  const std::vector<chunk_piece> alone{piece};
  piece_reader self{std::span{&fd, 1}, alone, job};
  TROUPE_TRY(self.open_piece());
  // Whether the bits make sense shows without the filter that smooths the picture.
  auto codec = decoder::open(self.stream(), {.threads = 0, .rough = true, .strict = true});
  if (!codec)
    return codec.error();
  const auto nothing = [](AVFrame&) -> result<void> { return {}; };
  auto packet = av::make_packet();
  for (;;) {
    auto more = self.read(*packet);
    if (!more)
      return more.error();
    if (!*more)
      break;
    TROUPE_TRY(codec->send(packet.get(), nothing));
    av_packet_unref(packet.get());
  }
  TROUPE_TRY(codec->send(nullptr, nothing));
  self.at_ = 0;
  if (codec->damaged() > 0 || codec->frames() != piece.frames)
    return self.wrong("has " + std::to_string(codec->damaged()) + " damaged pictures and "
                      + std::to_string(codec->frames()) + " in all instead of " + std::to_string(piece.frames)
                      + ": encode it again");
  return self.digest_;
}

error piece_reader::wrong(const std::string& what, errc code) const {
  auto& piece = pieces_[at_];
  return {code,
          "piece " + std::to_string(int64_t{piece.index} + 1) + " of " + std::to_string(piece.count) + " " + what};
}

error piece_reader::damaged(const std::string& what, errc code) const {
  auto out = wrong(what, code);
  out.fields.emplace_back(exec::damaged_piece_field, std::to_string(at_));
  return out;
}

result<void> piece_reader::check_answers() const {
  if (pieces_.empty() || fds_.size() != pieces_.size())
    return {errc::unprocessable,
            std::to_string(pieces_.size()) + " pieces are named and " + std::to_string(fds_.size()) + " came"};
  const auto& first = pieces_.front();
  int64_t last = INT64_MIN;
  for (size_t i = 0; i < pieces_.size(); ++i) {
    auto& p = pieces_[i];
    auto name = "piece " + std::to_string(i + 1) + " of " + std::to_string(pieces_.size());
    if (p.plan != first.plan || p.count != first.count)
      return {errc::unprocessable, name + " belongs to another plan than the first"};
    if (p.index != i)
      return {errc::unprocessable, name + " should be chunk " + std::to_string(i + 1) + " and is chunk "
                                     + std::to_string(int64_t{p.index} + 1)
                                     + " of its film: one is missing or they are " + "in the wrong order"};
    if (p.frames == 0)
      continue;
    if (p.time_base.num <= 0 || p.time_base.den <= 0 || p.reorder < 0 || p.reorder > deepest_reorder
        || p.first > p.last)
      return {errc::unprocessable, name + " can't be as it is described"};
    if (last != INT64_MIN && p.first <= last)
      return {errc::unprocessable, name + " begins before the one in front of it ends"};
    last = p.last;
  }
  if (first.count != pieces_.size())
    return {errc::unprocessable, "the film has " + std::to_string(first.count) + " pieces: piece "
                                   + std::to_string(pieces_.size() + 1) + " is missing"};
  return {};
}

void piece_reader::skip_empty() noexcept {
  while (at_ < pieces_.size() && pieces_[at_].frames == 0)
    ++at_;
}

result<void> piece_reader::open_piece() {
  file_.reset();
  auto file = input::open(fds_[at_], piece_profile().extension, job_);
  if (!file) {
    auto code = file.error().code == errc::bad_media ? errc::unprocessable : file.error().code;
    return damaged("can't be read: " + file.error().message, code);
  }
  file_ = std::move(*file);
  auto label = read_label(*file_->format());
  if (!label)
    return damaged("does not say which piece it is: it was not made by encode_chunk");
  if (label->plan != pieces_[at_].plan)
    return damaged("belongs to another plan");
  if (label->index != pieces_[at_].index)
    return damaged("is piece " + std::to_string(int64_t{label->index} + 1) + " in truth");
  auto said = pieces_[at_];
  said.digest.clear();
  if (*label != said)
    return damaged("is not what its encoding answered: it was made by another attempt");
  if (file_->format()->nb_streams != 1)
    return damaged("has " + std::to_string(file_->format()->nb_streams) + " streams instead of one");
  frames_in_piece_ = 0;
  hash_.reset();
  return compare_with_first(*file_->stream(0)->codecpar);
}

result<void> piece_reader::compare_with_first(const AVCodecParameters& par) {
  const auto& base = pieces_[at_].time_base;
  if (!first_) {
    time_base_ = {base.num, base.den};
    first_.reset(av::checked(avcodec_parameters_alloc()), [](AVCodecParameters* p) { avcodec_parameters_free(&p); });
    if (avcodec_parameters_copy(first_.get(), &par) < 0)
      throw std::bad_alloc();
    return {};
  }
  if (auto* what = difference(*first_, par))
    return wrong(std::string("is encoded differently from those before (") + what + "): encode it again");
  if (base.num != time_base_.num || base.den != time_base_.den)
    return wrong("counts time in other units than those before");
  return {};
}

result<bool> piece_reader::read(AVPacket& packet) {
  while (at_ < pieces_.size()) {
    int code = file_->read(packet);
    if (code == AVERROR(EAGAIN))
      continue;
    if (code == AVERROR_EXIT || file_->io().failure())
      return file_->read_error(code);
    if (code < 0) {
      TROUPE_TRY(check_end());
      ++at_;
      skip_empty();
      if (at_ < pieces_.size())
        TROUPE_TRY(open_piece());
      continue;
    }
    auto& piece = pieces_[at_];
    if (packet.pts == AV_NOPTS_VALUE || (packet.flags & AV_PKT_FLAG_CORRUPT))
      return damaged("is damaged: encode it again");
    av_packet_rescale_ts(&packet, file_->stream(0)->time_base, time_base_);
    packet.pts += piece.first;
    if (packet.pts < piece.first || packet.pts > piece.last)
      return damaged("has a frame outside of its chunk: encode it again");
    if (frames_in_piece_ == 0 && !(packet.flags & AV_PKT_FLAG_KEY))
      return damaged("does not begin with a keyframe: encode it again");
    ++frames_in_piece_;
    add_packet(hash_, packet);
    return true;
  }
  return false;
}

result<void> piece_reader::check_end() {
  if (frames_in_piece_ != pieces_[at_].frames || file_->io().shrunk())
    return damaged("has " + std::to_string(frames_in_piece_) + " frames that can be read instead of "
                   + std::to_string(pieces_[at_].frames) + ": encode it again");
  digest_ = hash_.text();
  if (auto& known = pieces_[at_].digest; !known.empty() && known != digest_)
    return damaged("has other pictures than were checked where it was made: encode it again");
  return {};
}

result<bool> piece_reader::next(AVPacket& packet) {
  for (;;) {
    if (auto dts = times_->pop(ended_)) {
      av_packet_move_ref(&packet, waiting_.front().get());
      waiting_.pop_front();
      packet.dts = *dts;
      if (packet.dts > packet.pts)
        return {errc::unprocessable, "the pieces' frames are stored in another order than they say"};
      ++frames_;
      return true;
    }
    if (ended_)
      return false;
    auto read_one = av::make_packet();
    auto more = read(*read_one);
    if (!more)
      return more;
    ended_ = !*more;
    if (ended_)
      continue;
    times_->push(read_one->pts);
    waiting_.push_back(std::move(read_one));
  }
}

} // namespace troupe::media
