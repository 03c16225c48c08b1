#pragma once

#include <cstddef>

namespace troupe::dispatch {

/// A member of T that makes it an element of one intrusive_list at a time.
template <class T>
struct list_hook {
  T* prev = nullptr;
  T* next = nullptr;
  bool linked = false;
};

/// A doubly linked list that owns nothing and allocates nothing: every call is O(1).
template <class T, list_hook<T> T::*Hook>
class intrusive_list {
public:
  bool empty() const noexcept {
    return head_ == nullptr;
  }
  size_t size() const noexcept {
    return size_;
  }
  T* front() const noexcept {
    return head_;
  }
  static T* next(const T& x) noexcept {
    return (x.*Hook).next;
  }

  void push_back(T& x) noexcept {
    auto& h = x.*Hook;
    h = {tail_, nullptr, true};
    (tail_ ? (tail_->*Hook).next : head_) = &x;
    tail_ = &x;
    ++size_;
  }

  void push_front(T& x) noexcept {
    auto& h = x.*Hook;
    h = {nullptr, head_, true};
    (head_ ? (head_->*Hook).prev : tail_) = &x;
    head_ = &x;
    ++size_;
  }

  /// Nothing happens when it is not linked.
  void erase(T& x) noexcept {
    auto& h = x.*Hook;
    if (!h.linked)
      return;
    (h.prev ? (h.prev->*Hook).next : head_) = h.next;
    (h.next ? (h.next->*Hook).prev : tail_) = h.prev;
    h = {};
    --size_;
  }

  void move_to_back(T& x) noexcept {
    erase(x);
    push_back(x);
  }

private:
  T* head_ = nullptr;
  T* tail_ = nullptr;
  size_t size_ = 0;
};

} // namespace troupe::dispatch
