// ONNX's generated protobuf classes, which need ONNX_ML where libonnx was built with it (as distributions do).
#pragma once

#ifndef ONNX_ML
#define ONNX_ML 1
#endif
#include <onnx/onnx_pb.h>
