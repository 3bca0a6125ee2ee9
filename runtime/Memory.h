// Owned memory that reports a refusal: growable arrays, single objects, pages.
// Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
// LICENSE.
//
// The standard containers answer a refused allocation by an exception, which
// this library is built without; hence these few lines.
#ifndef SENNIT_RUNTIME_MEMORY_H
#define SENNIT_RUNTIME_MEMORY_H

#include "runtime/Status.h"

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <utility>

namespace sennit {

/// A growable array; every growth can be refused and then changes nothing.
template <typename T> class Array {
public:
  Array() = default;
  Array(Array &&other) noexcept { swap(other); }
  Array &operator=(Array &&other) noexcept {
    Array moved(std::move(other));
    swap(moved);
    return *this;
  }
  ~Array() {
    for (size_t i = 0; i < count; ++i)
      elements[i].~T();
    free(elements);
  }

  size_t size() const { return count; }
  bool isEmpty() const { return count == 0; }
  T *data() { return elements; }
  const T *data() const { return elements; }
  T *begin() { return elements; }
  T *end() { return elements + count; }
  const T *begin() const { return elements; }
  const T *end() const { return elements + count; }
  T &operator[](size_t index) { return elements[index]; }
  const T &operator[](size_t index) const { return elements[index]; }
  T &back() { return elements[count - 1]; }

  Status append(T value) {
    if (count == capacity)
      SENNIT_RETURN_IF_ERROR(reserve(capacity ? capacity * 2 : 8));
    new (elements + count) T(std::move(value));
    ++count;
    return {};
  }

  /// Makes the array |newCount| long; new elements are value-initialised.
  Status grow(size_t newCount) {
    SENNIT_RETURN_IF_ERROR(reserve(newCount));
    for (; count < newCount; ++count)
      new (elements + count) T();
    return {};
  }

  Status reserve(size_t newCapacity) {
    if (newCapacity <= capacity)
      return {};
    size_t bytes;
    if (__builtin_mul_overflow(newCapacity, sizeof(T), &bytes))
      return makeOutOfMemory("a table", UINT64_MAX);
    T *moved = static_cast<T *>(alignof(T) > alignof(max_align_t)
                                    ? aligned_alloc(alignof(T), bytes)
                                    : malloc(bytes));
    if (!moved)
      return makeOutOfMemory("a table", bytes);
    for (size_t i = 0; i < count; ++i) {
      new (moved + i) T(std::move(elements[i]));
      elements[i].~T();
    }
    free(elements);
    elements = moved;
    capacity = newCapacity;
    return {};
  }

private:
  void swap(Array &other) {
    std::swap(elements, other.elements);
    std::swap(count, other.count);
    std::swap(capacity, other.capacity);
  }
  T *elements = nullptr;
  size_t count = 0;
  size_t capacity = 0;
};

/// A new T of no arguments, or null where memory is refused.
template <typename T> T *createObject() {
  void *memory = aligned_alloc(alignof(T), sizeof(T));
  return memory ? new (memory) T() : nullptr;
}

template <typename T> void destroyObject(T *object) {
  if (!object)
    return;
  object->~T();
  free(object);
}

/// Owns what `createObject` made.
struct DestroyObject {
  template <typename T> void operator()(T *object) const {
    destroyObject(object);
  }
};
template <typename T> using Owned = std::unique_ptr<T, DestroyObject>;

/// Anonymous pages, zero until written.
class Pages {
public:
  Pages() = default;
  Pages(Pages &&other) noexcept
      : address(std::exchange(other.address, nullptr)),
        mappedBytes(std::exchange(other.mappedBytes, 0)) {}
  Pages &operator=(Pages &&other) noexcept {
    Pages moved(std::move(other));
    std::swap(address, moved.address);
    std::swap(mappedBytes, moved.mappedBytes);
    return *this;
  }
  ~Pages();

  /// Maps at least |bytes| bytes (one page when 0); |what| names them in an
  /// error. |low| asks for the first 2 GiB of the address space. Asks for huge
  /// pages where the size has room for them.
  Status map(uint64_t bytes, const char *what, bool low = false);
  /// Sets all bytes to zero without allocating.
  void clear();
  /// |protection| as in mprotect, over whole pages.
  Status protect(uint64_t offset, uint64_t bytes, int protection);

  uint8_t *data() const { return address; }
  uint64_t size() const { return mappedBytes; }

private:
  uint8_t *address = nullptr;
  uint64_t mappedBytes = 0;
};

/// |value| rounded up to a multiple of |alignment|, a power of two.
/// The caller has bounded |value|.
inline uint64_t roundUp(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) & ~(alignment - 1);
}

/// Bytes of a page.
uint64_t pageBytes();

} // namespace sennit

#endif // SENNIT_RUNTIME_MEMORY_H
