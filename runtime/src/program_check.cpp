#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "format.h"
#include "header_check.h"

namespace quantc::rt {
namespace {

// Kernels count coordinates and elements in 32 bits.
constexpr int64_t kMaxCoordinate = INT32_MAX;
constexpr uint64_t kMaxWork = uint64_t{1} << 62;

using Limit = unsigned long long;  // for messages
using Wide = __int128;             // products of coordinates, strides and element sizes fit

/// Checks one call; its index and the view's stand in every message.
class CallCheck {
public:
  CallCheck(const schema::Program& program, uint32_t program_index, uint32_t call_index, const StepCorners& corners, FaultReport& report)
      : program_(program), call_(*program.calls()->Get(call_index)), corners_(corners), report_(report), program_index_(program_index),
        call_index_(call_index) {}

  bool run() const {
    const uint32_t kernels = size_of(program_.kernels());
    if (call_.kernel() >= kernels || call_.kernel_one() >= kernels)
      return bad("uses kernels %u and %u, expected them among %u", call_.kernel(), call_.kernel_one(), kernels);
    if (!call_.units() || !in_range(*call_.units(), 0, kMaxCoordinate))
      return bad("has a number of units out of range, expected 0 to %llu in every step", Limit{kMaxCoordinate});
    if (!call_.rows() || !in_range(*call_.rows(), 0, kMaxCoordinate))
      return bad("has a number of rows out of range, expected 0 to %llu in every step", Limit{kMaxCoordinate});
    if (!work_in_range())
      return bad("has an amount of work out of range, expected below 2^62 multiply-adds in every step");
    const uint32_t arguments = size_of(call_.arguments());
    if (arguments > kMaxArguments)
      return bad("has %u arguments, expected at most %u", arguments, kMaxArguments);
    for (uint32_t i = 0; i < arguments; ++i) {
      if (!view(*call_.arguments()->Get(i), i))
        return false;
    }
    return true;
  }

private:
  bool view(const schema::View& view, uint32_t index) const {
    if (view.buffer() >= size_of(program_.buffers()))
      return bad("argument %u uses buffer %u, expected one of %u", index, view.buffer(), size_of(program_.buffers()));
    const schema::Buffer& buffer = *program_.buffers()->Get(view.buffer());
    const uint32_t element = element_bytes(view.element());
    if (element == 0)
      return bad("argument %u has elements of type %u, expected 0 to %u", index, view.element(), schema::ElementType_MAX);
    if (view.offset() > buffer.bytes() || view.offset() % element != 0)
      return bad("argument %u begins at byte %llu, expected a multiple of %u up to the %llu bytes of its buffer", index,
                 Limit{view.offset()}, element, Limit{buffer.bytes()});
    const uint32_t dimensions = size_of(view.dims());
    if (dimensions > kMaxDimensions)
      return bad("argument %u has %u dimensions, expected at most %u", index, dimensions, kMaxDimensions);
    if (!is_aligned(view.dims()))
      return bad("has dimensions of argument %u that are not aligned to 8 bytes", index);
    for (uint32_t d = 0; d < dimensions; ++d) {
      if (!dimension(*view.dims()->Get(d), index, d))
        return false;
    }
    return inside(view, index, (buffer.bytes() - view.offset()) / element) && split(view, index);
  }

  bool dimension(const schema::Dim& dim, uint32_t view, uint32_t index) const {
    if (!in_range(dim.extent(), 0, kMaxCoordinate) || !in_range(dim.start(), 0, kMaxCoordinate))
      return bad("argument %u has an extent or start out of range in dimension %u, expected 0 to %llu in every step", view, index,
                 Limit{kMaxCoordinate});
    if (!in_range(dim.min(), -kMaxCoordinate, kMaxCoordinate) || !sum_in_range(dim.min(), dim.extent()))
      return bad("argument %u has coordinates out of range in dimension %u, expected 32 bits to hold them in every step", view, index);
    if (dim.stride() < 0 || dim.stride() > kMaxCoordinate)
      return bad("argument %u has a stride of %lld in dimension %u, expected 0 to %llu", view, static_cast<long long>(dim.stride()), index,
                 Limit{kMaxCoordinate});
    return true;
  }

  /// The last element of the view lies in its buffer, and no more than 31 bits of elements behind its first.
  bool inside(const schema::View& view, uint32_t index, uint64_t capacity) const {
    for (const StepShape& corner : corners_) {
      Wide first = 0, span = 0;
      for (uint32_t d = 0; d < size_of(view.dims()); ++d) {
        const schema::Dim& dim = *view.dims()->Get(d);
        first += Wide{evaluate(dim.start(), corner)} * dim.stride();
        span += Wide{evaluate(dim.extent(), corner) - 1} * dim.stride();
      }
      if (first + span >= Wide{capacity})
        return bad("argument %u reaches beyond its buffer in a step of %lld tokens at position %lld, expected it inside in every step",
                   index, static_cast<long long>(corner.sequence), static_cast<long long>(corner.past));
      if (span > kMaxCoordinate)
        return bad("argument %u spans more than %llu elements, expected 32 bits to count them", index, Limit{kMaxCoordinate});
    }
    return true;
  }

  /// The units cover the divided dimension, and every unit has a part of it.
  bool split(const schema::View& view, uint32_t index) const {
    if (view.split_dim() == -1)
      return true;
    if (view.split_dim() < 0 || static_cast<uint32_t>(view.split_dim()) >= size_of(view.dims()))
      return bad("argument %u is divided along dimension %d, expected -1 to %d", index, view.split_dim(),
                 static_cast<int>(size_of(view.dims())) - 1);
    if (view.split_unit() < 1 || view.split_unit() > kMaxCoordinate)
      return bad("argument %u is divided into units of %u, expected 1 to %llu", index, view.split_unit(), Limit{kMaxCoordinate});
    for (const StepShape& corner : corners_) {
      const int64_t extent = evaluate(view.dims()->Get(static_cast<uint32_t>(view.split_dim()))->extent(), corner);
      const int64_t units = evaluate(*call_.units(), corner);
      const int64_t unit = view.split_unit();
      if (extent > units * unit || extent <= (units - 1) * unit)
        return bad("argument %u divides %lld elements into %lld units of %lld, expected as many units as it takes", index,
                   static_cast<long long>(extent), static_cast<long long>(units), static_cast<long long>(unit));
    }
    return true;
  }

  bool in_range(const schema::Size& size, int64_t least, int64_t most) const {
    if (!size_in_range(size))
      return false;
    for (const StepShape& corner : corners_) {
      const int64_t value = evaluate(size, corner);
      if (value < least || value > most)
        return false;
    }
    return true;
  }

  bool work_in_range() const {
    for (const StepShape& corner : corners_) {
      const Wide rows = evaluate(*call_.rows(), corner), positions = corner.past + corner.sequence;
      const Wide per_row = call_.row_multiply_adds() + call_.position_multiply_adds() * positions;
      if (call_.row_multiply_adds() > kMaxWork || call_.position_multiply_adds() > kMaxWork || per_row > kMaxWork ||
          per_row * rows > kMaxWork)
        return false;
    }
    return true;
  }

  bool sum_in_range(const schema::Size& a, const schema::Size& b) const {
    for (const StepShape& corner : corners_) {
      if (evaluate(a, corner) + evaluate(b, corner) > kMaxCoordinate)
        return false;
    }
    return true;
  }

  __attribute__((format(printf, 2, 3))) bool bad(const char* format, ...) const {
    char fault[256];
    va_list values;
    va_start(values, format);
    vsnprintf(fault, sizeof fault, format, values);
    va_end(values);
    return report_.bad("call %u of program %u %s", call_index_, program_index_, fault);
  }

  const schema::Program& program_;
  const schema::Call& call_;
  const StepCorners& corners_;
  FaultReport& report_;
  const uint32_t program_index_;
  const uint32_t call_index_;
};

bool check_buffers(const schema::Program& program, uint32_t index, uint64_t weights_bytes, FaultReport& report) {
  for (uint32_t i = 0; i < size_of(program.buffers()); ++i) {
    const schema::Buffer& buffer = *program.buffers()->Get(i);
    if (buffer.space() > schema::Space_MAX)
      return report.bad("buffer %u of program %u lies in space %u, expected 0 to %u", i, index, buffer.space(), schema::Space_MAX);
    if (buffer.offset() % kBufferAlignment != 0)
      return report.bad("buffer %u of program %u begins at byte %llu, expected a multiple of %llu", i, index, Limit{buffer.offset()},
                        Limit{kBufferAlignment});
    const uint64_t space_bytes = buffer.space() == schema::Space_weights ? weights_bytes : program.arena_bytes();
    if (buffer.offset() > space_bytes || buffer.bytes() > space_bytes - buffer.offset())
      return report.bad("buffer %u of program %u has %llu bytes at byte %llu, expected it inside of the %llu bytes of its %s", i, index,
                        Limit{buffer.bytes()}, Limit{buffer.offset()}, Limit{space_bytes},
                        buffer.space() == schema::Space_weights ? "weights segment" : "arena");
  }
  return true;
}

}  // namespace

uint32_t element_bytes(schema::ElementType element) {
  switch (element) {
  case schema::ElementType_i8:
  case schema::ElementType_u8: return 1;
  case schema::ElementType_u16:
  case schema::ElementType_i16: return 2;
  case schema::ElementType_f32:
  case schema::ElementType_i32: return 4;
  case schema::ElementType_i64: return 8;
  }
  return 0;
}

const schema::Buffer* find_buffer(const schema::Program& program, const char* name) {
  for (uint32_t i = 0; i < size_of(program.buffers()); ++i) {
    const schema::Buffer* buffer = program.buffers()->Get(i);
    if (buffer->name() && strcmp(text_of(buffer->name()), name) == 0)
      return buffer;
  }
  return nullptr;
}

bool check_program(const schema::Program& program, uint32_t index, uint64_t weights_bytes, const StepCorners& corners,
                   FaultReport& report) {
  constexpr uint64_t kMaxArena = uint64_t{1} << 46;  // what the address space of all targets can hold
  if (program.arena_bytes() > kMaxArena)
    return report.bad("program %u needs an arena of %llu bytes, expected at most %llu", index, Limit{program.arena_bytes()},
                      Limit{kMaxArena});
  if (!check_buffers(program, index, weights_bytes, report))
    return false;
  for (uint32_t i = 0; i < size_of(program.calls()); ++i) {
    if (!CallCheck(program, index, i, corners, report).run())
      return false;
  }
  return true;
}

}  // namespace quantc::rt
