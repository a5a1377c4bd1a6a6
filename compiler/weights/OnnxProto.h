// ONNX's generated protobuf classes, which need ONNX_ML where libonnx was built with it (as distributions do).
#pragma once

#ifndef ONNX_ML
#define ONNX_ML 1
#endif
#include <onnx/onnx_pb.h>

namespace quantc {

/// Values of TensorProto::DataType that onnx.proto of libonnx 1.12 has no names for.
enum NewerOnnxType : int { kOnnxUint4 = 21, kOnnxInt4 = 22, kOnnxUint2 = 25, kOnnxInt2 = 26 };

}  // namespace quantc
