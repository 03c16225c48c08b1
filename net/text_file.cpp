#include "net/text_file.hpp"

#include <unistd.h>

namespace troupe::net {

namespace {

const error unreadable{errc::io, "a text file can't be read"};

/// A regular file: one read gives all that is asked for.
bool read_into(std::string& out, int fd, uint64_t offset, uint64_t length) {
  const auto before = out.size();
  out.resize(before + length);
  return ::pread(fd, out.data() + before, length, static_cast<off_t>(offset)) == static_cast<ssize_t>(length);
}

/// What is fetched so far.
struct gathering {
  services& app;
  shared_file_ptr file;
  std::function<void(result<std::string>)> done;
  std::unique_ptr<ports::far_stream> from;
  std::string text;
};

/// On a file thread.
void gather(const std::shared_ptr<gathering>& x) {
  if (x->text.size() == x->file->size)
    return x->done(std::move(x->text));
  // Whoever calls it holds nothing of it any more then.
  x->from->next([x](result<ports::fetched_bytes> came) mutable {
    auto& app = x->app;
    app.run_blocking([x = std::move(x), came = std::move(came)]() mutable {
      if (!came)
        x->done(std::move(came).error());
      else if (!read_into(x->text, came->descriptor, came->offset, came->length))
        x->done(unreadable);
      else
        gather(x);
    });
  });
}

} // namespace

void read_text_file(services& app, const shared_file_ptr& file, uint64_t most,
                    std::function<void(result<std::string>)> done) {
  if (file->size > most)
    return done(unreadable);
  std::string text;
  if (file->far && file->size > 0)
    return gather(std::make_shared<gathering>(
      gathering{app, file, std::move(done), file->far->read({0, file->size}), std::string{}}));
  if (!file->far && !read_into(text, file->here->get(), 0, file->size))
    return done(unreadable);
  done(std::move(text));
}

} // namespace troupe::net
