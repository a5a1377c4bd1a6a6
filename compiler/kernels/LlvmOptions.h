// LLVM's options belong to the process. Code generation needs one of them changed; LLD sets all of them back. So the two exclude each other.
#pragma once

namespace quantc::kernels {

/// While one lives, LLVM's SLP vectorizer is off: Halide turns it on for every target, but schedules decide what is vectorized.
/// Many threads may hold one.
class CodeGeneration {
public:
  CodeGeneration();
  ~CodeGeneration();
  CodeGeneration(const CodeGeneration&) = delete;
  CodeGeneration& operator=(const CodeGeneration&) = delete;
};

/// While one lives, no other and no CodeGeneration does.
class Linking {
public:
  Linking();
  ~Linking();
  Linking(const Linking&) = delete;
  Linking& operator=(const Linking&) = delete;
};

}  // namespace quantc::kernels
