// What must hold of an artifact's header before anything in it is used. Everything behind these two trusts it.
#pragma once

#include "artifact_generated.h"
#include "error.h"
#include "step_shape.h"

namespace quantc::rt {

/// Segments lie in the file, behind the header and aligned; programs, variants and ports name what exists and stay inside of it, in every step
/// that the artifact allows.
bool check_header(const schema::Artifact& artifact, uint64_t header_end, uint64_t file_bytes, FaultReport& report);

/// The same for one program: its buffers lie inside of their segment or the arena, the views of its calls inside of their buffers, and the
/// units of a call cover exactly the dimensions that they divide.
bool check_program(const schema::Program& program, uint32_t index, uint64_t weights_bytes, const StepCorners& corners, FaultReport& report);

/// Bytes of one element; 0 for a value that is not an element type.
uint32_t element_bytes(schema::ElementType element);

const schema::Buffer* find_buffer(const schema::Program& program, const char* name);

template <typename T> uint32_t size_of(const flatbuffers::Vector<T>* items) { return items ? items->size() : 0; }
/// FlatBuffers' verifier does not ask whether the elements of a vector lie where their type must; none of ours needs more than 8.
template <typename T> bool is_aligned(const flatbuffers::Vector<T>* items) {
  return !items || items->size() == 0 || reinterpret_cast<uintptr_t>(items->Data()) % 8 == 0;
}
/// The text, "" where there is none.
const char* text_of(const flatbuffers::String* text);

}  // namespace quantc::rt
