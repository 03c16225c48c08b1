#pragma once

#include "store/engine.hpp"

#include <soci/soci.h>

namespace troupe::store {

/// One session, opened when it is needed and dropped after any failure, so that each call starts from a known state:
/// a dropped session has rolled back. One thread.
class connection {
public:
  connection(std::shared_ptr<const engine> eng, access how) : engine_(std::move(eng)), how_(how) {
  }

  const engine& eng() const noexcept {
    return *engine_;
  }
  bool is_open() const noexcept {
    return sql_ != nullptr;
  }
  /// Prepared statements of the session must be gone before.
  void close() noexcept {
    sql_.reset();
  }

  /// Runs `f(session)`, which returns a result; whatever it throws becomes the result's error. A failed call leaves
  /// `broken` true: the owner destroys its statements, then calls close.
  template <class F>
  auto run(F&& f) -> decltype(f(std::declval<soci::session&>())) {
    try {
      if (!sql_) {
        auto fresh = std::make_unique<soci::session>();
        connect(*fresh);
        sql_ = std::move(fresh);
      }
      return f(*sql_);
    } catch (failure& e) {
      broken = true;
      return std::move(e.error);
    } catch (const std::exception& e) {
      broken = true;
      return translate(e);
    }
  }

  bool broken = false;

private:
  void connect(soci::session& fresh) {
    try {
      engine_->connect(fresh, how_);
    } catch (const std::exception& e) {
      throw failure{engine_->translate(e, fresh)};
    }
  }
  error translate(const std::exception& e) {
    soci::session none;
    return engine_->translate(e, sql_ ? *sql_ : none);
  }

  std::shared_ptr<const engine> engine_;
  access how_;
  std::unique_ptr<soci::session> sql_;
};

} // namespace troupe::store
