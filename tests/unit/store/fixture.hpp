#pragma once

#include "store/open.hpp"

#include "tests/support/temporary_folder.hpp"
#include "tests/support/unit_test.hpp"

#include <caf/make_message.hpp>

#include <functional>
#include <random>

namespace troupe::test {

/// An empty database of one kind; open() again is a restart of the program.
class database_under_test {
public:
  explicit database_under_test(bool postgres);
  ~database_under_test();

  std::unique_ptr<ports::database> open();
  std::string kind;
  /// File or connection string.
  std::string address;

private:
  temporary_folder folder_;
  std::string schema_;
};

/// Runs the test once on each database.
void on_both(const std::function<void(database_under_test&)>& test);

/// The value, or the test fails with the error's message.
template <class T>
T must(result<T> x) {
  if (!x)
    CAF_FAIL("unexpected error " << to_string(x.error().code) << ": " << x.error().message);
  return std::move(*x);
}
inline void must(result<void> x) {
  if (!x)
    CAF_FAIL("unexpected error " << to_string(x.error().code) << ": " << x.error().message);
}
template <class T>
errc code_of(const result<T>& x) {
  return x ? errc::none : x.error().code;
}

/// Checks the code, and says the message when it is another one.
#define CHECK_CODE(expression, expected)                                                                               \
  do {                                                                                                                 \
    auto answer_ = (expression);                                                                                       \
    if (code_of(answer_) != (expected))                                                                                \
      CAF_MESSAGE(#expression << ": " << to_string(code_of(answer_)) << ": "                                           \
                              << (answer_ ? "" : answer_.error().message));                                            \
    CAF_CHECK(code_of(answer_) == (expected));                                                                         \
  } while (false)

/// Commits one unit; its own result.
result<void> commit(ports::store_writer& writer, const ports::unit_of_work& unit);

/// Values of every field differ, and are hostile: quotes, NUL, invalid UTF-8.
job random_job(std::mt19937_64& rng);
video random_video(std::mt19937_64& rng, library_id lib);
rendition random_rendition(std::mt19937_64& rng, video_id video);
/// Of the very content.
storyboard random_storyboard(std::mt19937_64& rng, const video& of);
library random_library(std::mt19937_64& rng, library_origin origin = library_origin::folder);
scan random_scan(std::mt19937_64& rng, library_id lib);
std::string random_text(std::mt19937_64& rng);
raw_id random_raw_id(std::mt19937_64& rng);
/// Changes what transitions change.
void change_job(std::mt19937_64& rng, job& x);

ports::unit_of_work unit_with(std::vector<ports::job_change> jobs);
ports::unit_of_work unit_with(ports::catalogue_changes changes);

/// An open database with a writer and a reader.
struct opened {
  explicit opened(database_under_test& db);
  /// Commits them as one unit.
  void apply(ports::catalogue_changes changes);
  video read(const video& x);
  std::unique_ptr<ports::database> store;
  std::unique_ptr<ports::store_writer> writer;
  std::unique_ptr<ports::store_reader> reader;
};

} // namespace troupe::test
