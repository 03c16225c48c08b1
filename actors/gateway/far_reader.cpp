#include "actors/gateway/far_reader.hpp"

#include "actors/gateway/far_stream.hpp"

namespace troupe::gateway {

namespace {

/// Files that are remembered for the time without a coordinator, and how long after they were asked for.
constexpr size_t most_known = 10'000;
constexpr milliseconds known_for{24 * 3'600'000};
constexpr size_t most_threads = 64;

std::string name_of(library_id library, const std::string& path) {
  return (library ? library.str() : std::string{"data"}) + "/" + path;
}

class opened_far_file final : public ports::far_file {
public:
  opened_far_file(std::shared_ptr<far_pieces> pieces, std::shared_ptr<known_file> file) :
    pieces_(std::move(pieces)), file_(std::move(file)) {
  }
  const file_version& version() const noexcept override {
    return file_->version();
  }
  std::unique_ptr<ports::far_stream> read(byte_span part) override {
    return std::make_unique<far_stream>(pieces_, file_, part);
  }

private:
  std::shared_ptr<far_pieces> pieces_;
  std::shared_ptr<known_file> file_;
};

} // namespace

work::remote_settings far_reader_config::for_clients() {
  work::remote_settings out;
  out.give_up = milliseconds{15'000};
  out.delay.max = milliseconds{2'000};
  out.reading.first_window = 1 << 20;
  out.reading.max_window = 4 << 20;
  // All of what a client asked for is to come; one that goes away has a window of it fetched in vain.
  out.reading.parts = 1;
  out.reading.max_answer = 1 << 20;
  return out;
}

far_reader::far_reader(far_reader_config config) : known_(most_known, *config.time), threads_(most_threads) {
  pieces_ = std::make_shared<far_pieces>(std::move(config), &threads_);
}

far_reader::~far_reader() {
  pieces_->stop();
}

std::shared_ptr<ports::far_file> far_reader::open(library_id library, const std::string& path,
                                                  const std::optional<file_version>& wanted, const far_grant& granted) {
  const auto name = name_of(library, path);
  const auto version = wanted && same_content(*wanted, granted.version) ? *wanted : granted.version;
  auto before = known_.get(name);
  auto file = before && before->value->version() == version
                ? before->value
                : std::make_shared<known_file>(file_place{library, path, name}, version);
  file->granted(granted, pieces_->config().time->mono() + pieces_->config().address_fresh);
  known_.put(name, file, known_for, milliseconds{0});
  return reading_of(std::move(file));
}

std::shared_ptr<ports::far_file> far_reader::last(library_id library, const std::string& path) {
  auto known = known_.get(name_of(library, path));
  return known ? reading_of(known->value) : nullptr;
}

std::shared_ptr<ports::far_file> far_reader::reading_of(std::shared_ptr<known_file> file) {
  return std::make_shared<opened_far_file>(pieces_, std::move(file));
}

} // namespace troupe::gateway
